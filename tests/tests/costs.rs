//! What one request costs each filter is on record, and stays so.

mod common_case;

use std::env;

use anyhow::{Result, ensure};
use tollgate_e2e::costs::{self, RECORD_VARIABLE, Row};
use tollgate_e2e::modules;
use tollgate_testkit::module::Cost;

use common_case::{CommonCase, Vm};

/// How many requests a VM has seen before one is counted.
const WARM_UP: u32 = 8;
/// Of so many requests the cheapest counts: where memory lies makes a difference of a percent.
const COUNTED: u32 = 8;

#[test]
fn a_request_costs_what_is_on_record() -> Result<()> {
    let cases = common_case::all().into_iter().chain([common_case::never_seen()]);
    let counted = cases.map(|case| count(&case)).collect::<Result<Vec<_>>>()?;
    if env::var_os(RECORD_VARIABLE).is_some() {
        return costs::record(&counted);
    }
    if let Some(difference) = costs::difference(&costs::recorded()?, &counted) {
        panic!("\n{difference}");
    }
    Ok(())
}

#[test]
fn every_filter_has_a_common_case() {
    let cases = common_case::all();
    for filter in modules::all().map(|filter| filter.name) {
        assert!(cases.iter().any(|case| case.filter == filter), "{filter}");
    }
}

#[test]
fn what_is_counted_is_the_same_in_every_vm() -> Result<()> {
    for case in common_case::all() {
        assert_eq!(count(&case)?, count(&case)?, "{}", case.filter);
    }
    Ok(())
}

fn count(case: &CommonCase) -> Result<Row> {
    let mut vm = case.start(&case.module()?)?;
    for stream in 2..2 + WARM_UP {
        request(case, &mut vm, stream)?;
    }
    let mut cheapest = request(case, &mut vm, 100)?;
    for stream in 101..100 + COUNTED {
        let cost = request(case, &mut vm, stream)?;
        if cost.fuel < cheapest.fuel {
            cheapest = cost;
        }
    }
    let host_calls = cheapest.host_calls.iter();
    Ok(Row {
        filter: case.filter.to_owned(),
        case: case.name.to_owned(),
        fuel: cheapest.fuel,
        host_calls: host_calls.map(|(name, count)| ((*name).to_owned(), *count)).collect(),
    })
}

/// What one request costs, from the first callback of its stream to the last.
fn request(case: &CommonCase, vm: &mut Vm, stream: u32) -> Result<Cost> {
    vm.reset_costs();
    let outcome = case.request(vm, stream)?;
    ensure!(case.is_served(&outcome), "{}: {outcome:?}", case.filter);
    Ok(vm.costs().total())
}
