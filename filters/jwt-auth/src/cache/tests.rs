use super::*;
use crate::output::Written;
use crate::token::Dates;
use proptest::prelude::*;
use serde_json::{Map, json};
use std::collections::HashMap as Model;

fn verified(id: u64) -> Rc<Verified> {
    let mut claims = Map::new();
    claims.insert("id".to_owned(), json!(id));
    let dates = Dates { not_before: 0, expires: None, issued_at: None };
    let claims = Some(Rc::new(VerifiedClaims(claims)));
    let (issuer, written) = (Box::default(), Written::default());
    Rc::new(Verified { claims, issuer, bound_to: None, has_audience: true, dates, written })
}

fn token(id: u64) -> Vec<u8> {
    format!("header.payload.signature{id:08}").into_bytes()
}

fn id(cache: &mut Cache, token: &[u8]) -> Option<u64> {
    let verified = cache.get(token)?;
    verified.claims.as_ref().unwrap().0["id"].as_u64()
}

fn limited(tokens: usize, bytes: usize) -> Cache {
    Cache::new(Limits { tokens, bytes, token_bytes: 4096 })
}

fn filled(cache: &mut Cache, ids: std::ops::Range<u64>) {
    ids.for_each(|id| cache.insert(&token(id), &verified(id)));
}

#[test]
fn a_token_is_found_by_all_of_its_bytes_alone() {
    let mut cache = Cache::default();
    cache.insert(b"aaaa.bbbb.12345678", &verified(1));
    assert_eq!(id(&mut cache, b"aaaa.bbbb.12345678"), Some(1));
    for other in [
        &b"aaab.bbbb.12345678"[..],
        b"aaaa.bbbc.12345678",
        b"xaaaa.bbbb.12345678",
        b"12345678",
        b"",
        b"aaaa.bbbb.1234567",
        b"aaaa.bbbb.123456789",
    ] {
        assert_eq!(id(&mut cache, other), None, "{other:?}");
    }
}

#[test]
fn two_tokens_with_the_same_end_share_a_place() {
    let mut cache = Cache::default();
    cache.insert(b"a.b.12345678", &verified(1));
    cache.insert(b"c.d.12345678", &verified(2));
    assert_eq!(id(&mut cache, b"a.b.12345678"), None);
    assert_eq!(id(&mut cache, b"c.d.12345678"), Some(2));
    assert_eq!(cache.len(), 1);
}

#[test]
fn the_number_of_tokens_is_bounded_and_used_ones_stay() {
    let mut cache = limited(4, usize::MAX);
    filled(&mut cache, 0..4);
    for round in 4..50 {
        assert!(id(&mut cache, &token(0)).is_some(), "{round}");
        cache.insert(&token(round), &verified(round));
        assert_eq!(cache.len(), 4);
        assert_eq!(id(&mut cache, &token(round)), Some(round));
    }
}

#[test]
fn the_memory_is_bounded() {
    let mut one = Cache::default();
    filled(&mut one, 0..1);
    let mut cache = limited(usize::MAX, one.bytes() * 3);
    filled(&mut cache, 0..100);
    assert_eq!((cache.len(), cache.bytes()), (3, one.bytes() * 3));
    let mut tiny = limited(usize::MAX, one.bytes() - 1);
    filled(&mut tiny, 0..1);
    assert!(tiny.is_empty());
}

#[test]
fn long_tokens_and_none_at_all_are_not_kept() {
    let mut cache = Cache::default();
    cache.insert(&[b'a'; 4097], &verified(1));
    cache.insert(b"short", &verified(1));
    assert!(cache.is_empty());
    cache.insert(&[b'a'; 4096], &verified(1));
    assert_eq!(cache.len(), 1);
    let mut off = limited(0, usize::MAX);
    filled(&mut off, 0..1);
    assert!(off.is_empty());
}

#[test]
fn what_is_cleared_is_gone() {
    let mut cache = limited(2, usize::MAX);
    filled(&mut cache, 0..2);
    cache.clear();
    assert_eq!((cache.len(), cache.bytes(), id(&mut cache, &token(0))), (0, 0, None));
    filled(&mut cache, 0..5);
    assert_eq!(cache.len(), 2);
}

proptest! {
    #[test]
    fn it_never_finds_what_was_not_kept(
        steps in proptest::collection::vec((any::<bool>(), 0u64..12), 0..200),
        tokens in 1usize..6,
    ) {
        let mut cache = limited(tokens, usize::MAX);
        let mut model = Model::new();
        for (insert, n) in steps {
            if insert {
                cache.insert(&token(n), &verified(n));
                model.insert(n, n);
                prop_assert_eq!(id(&mut cache, &token(n)), Some(n));
            } else if let Some(found) = id(&mut cache, &token(n)) {
                prop_assert_eq!(model.get(&n), Some(&found));
            }
            prop_assert!(cache.len() <= tokens);
            prop_assert_eq!(cache.places.len(), cache.len());
            let sum: usize = cache.slots.iter().map(|slot| slot.weight).sum();
            prop_assert_eq!(sum, cache.bytes());
        }
    }
}
