//! The modules as files.

use tollgate_e2e::modules;

#[test]
fn every_module_keeps_its_budget_of_size() -> anyhow::Result<()> {
    for filter in modules::all() {
        let bytes = modules::path(filter.name)?.metadata()?.len();
        let budget = filter.budget_kib * 1024;
        assert!(bytes <= budget, "{}: {bytes} bytes, and the budget is {budget}", filter.name);
    }
    Ok(())
}
