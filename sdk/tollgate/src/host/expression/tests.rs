use super::*;
use crate::host::testing::{Answer, Envoy};
use proptest::prelude::*;
use std::rc::Rc;

fn expression(value: Answer) -> (Rc<Envoy>, Expression) {
    let token = Ok(7u32.to_le_bytes().to_vec());
    let answers =
        [("expr_create", token), ("expr_evaluate", value), ("expr_delete", Ok(Vec::new()))];
    (Envoy::with(&answers), Expression::compile("source").unwrap())
}

#[test]
fn an_expression_is_compiled_once_and_deleted_when_dropped() {
    let (host, compiled) = expression(Ok(vec![1]));
    assert_eq!((compiled.evaluate_bool(), compiled.evaluate_bool()), (Ok(true), Ok(true)));
    assert_eq!(host.arguments("expr_create"), [b"source"]);
    assert_eq!(host.arguments("expr_evaluate"), [[7, 0, 0, 0], [7, 0, 0, 0]]);
    assert!(host.arguments("expr_delete").is_empty());
    drop(compiled);
    assert_eq!(host.arguments("expr_delete"), [[7, 0, 0, 0]]);
}

#[test]
fn a_value_of_another_kind_is_malformed() {
    let malformed = HostError::new("expr_evaluate", Status::Malformed);
    for value in [&b""[..], b"\x02", b"true", &[0; 8]] {
        let (_host, expression) = expression(Ok(value.to_vec()));
        assert_eq!(expression.evaluate_bool(), Err(malformed), "{value:?}");
    }
    for value in [&b""[..], b"\x01", b"1234567", b"123456789"] {
        let (_host, expression) = expression(Ok(value.to_vec()));
        assert_eq!(expression.evaluate_integer(), Err(malformed), "{value:?}");
        assert_eq!(expression.evaluate_bytes(), Ok(value.to_vec()));
    }
    let (_host, expression) = expression(Ok((-5i64).to_le_bytes().to_vec()));
    assert_eq!(expression.evaluate_integer(), Ok(-5));
}

#[test]
fn an_evaluation_that_fails_is_an_error_of_its_own_kind() {
    for status in [Status::InternalFailure, Status::NotFound, Status::SerializationFailure] {
        let (_host, expression) = expression(Err(status));
        let error = Err(HostError::new("expr_evaluate", status));
        assert_eq!(expression.evaluate_bool(), error);
    }
}

#[test]
fn a_token_of_a_wrong_length_is_malformed() {
    for token in [&b""[..], &[1; 3], &[1; 5]] {
        Envoy::with(&[("expr_create", Ok(token.to_vec()))]);
        let error = Expression::compile("true").unwrap_err();
        assert_eq!(error, HostError::new("expr_create", Status::Malformed));
    }
}

#[test]
fn a_wrong_expression_is_a_clear_error_of_the_configuration() {
    Envoy::with(&[("expr_create", Err(Status::BadArgument))]);
    let error = Expression::configured("rules[0].when", "request.path ==").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`rules[0].when`: found \"request.path ==\", allowed: a CEL expression (the line \
         `expr_create` in Envoy's log says what is wrong)"
    );
    Envoy::with(&[]);
    let error = Expression::configured("when", "true").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`when`: found expr_create: not implemented by this host, allowed: a host with CEL (stock \
         Envoy has it)"
    );
}

proptest! {
    #[test]
    fn any_answer_is_a_value_or_malformed(bytes: Vec<u8>) {
        let (_host, expression) = expression(Ok(bytes.clone()));
        let malformed = HostError::new("expr_evaluate", Status::Malformed);
        let (bool, integer) = (expression.evaluate_bool(), expression.evaluate_integer());
        prop_assert!(bool == Err(malformed) || bytes.len() == 1);
        prop_assert!(integer == Err(malformed) || bytes.len() == 8);
        prop_assert_eq!(expression.evaluate_bytes(), Ok(bytes));
    }
}
