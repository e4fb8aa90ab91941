//! first
mod common_case;
use std::time::Instant;
#[test]
fn first() -> anyhow::Result<()> {
    for case in common_case::all() {
        let t = Instant::now();
        let module = case.module()?;
        eprintln!("{} load {:?}", case.filter, t.elapsed());
        let t = Instant::now();
        let mut vm = case.start(&module)?;
        eprintln!("start {:?}; {} fuel", t.elapsed(), vm.costs().total().fuel);
        for (n, c) in vm.costs().iter() { eprintln!("  {n} {c:?}"); }
        for stream in 2..12 {
            vm.reset_costs();
            let t = Instant::now();
            let outcome = case.request(&mut vm, stream)?;
            eprintln!("request {:?} {} {:?}", t.elapsed(), vm.costs().total().fuel, case.is_served(&outcome));
        }
        for (n, c) in vm.costs().iter() { eprintln!("  {n} {c:?}"); }
        eprintln!("{:?}", vm.host().log_lines());
        let t = Instant::now();
        for _ in 0..20 { case.instantiate(&module)?; }
        eprintln!("instantiate {:?}", t.elapsed() / 20);
    }
    Ok(())
}
