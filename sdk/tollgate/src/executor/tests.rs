use super::*;
use crate::testing::TestHost;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

const ROOT: u32 = 1;

/// Begins a future as a callback of `stream` does; tells when it has finished.
fn start(
    stream: u32,
    future: impl Future<Output = ()> + 'static,
) -> (Option<TaskId>, Rc<Cell<bool>>) {
    let finished = Rc::new(Cell::new(false));
    let flag = Rc::clone(&finished);
    let scope = Scope { root: ROOT, context: stream };
    let task = super::start(scope, future, move |()| {
        flag.set(true);
        None::<std::future::Ready<()>>
    });
    settle(ROOT);
    (task, finished)
}

async fn sleep(milliseconds: u64) {
    super::sleep(Duration::from_millis(milliseconds)).await;
}

/// Lets time pass, with ticks as the host would send them.
fn pass(host: &TestHost, total: Duration) {
    let end = host.now.get() + total.as_nanos() as u64;
    while host.tick_period.get() != 0 && host.tick_due.get() <= end {
        host.now.set(host.tick_due.get());
        // Envoy starts the period again by itself.
        host.start_tick();
        tick(ROOT);
    }
    host.now.set(end);
}

#[test]
fn a_future_that_does_not_wait_needs_no_tick() {
    let host = TestHost::install();
    let (task, finished) = start(5, async {});
    assert!(task.is_none() && finished.get());
    assert_eq!(host.tick_changes.get(), 0);
}

#[test]
fn a_sleep_of_nothing_is_over_at_once() {
    TestHost::install();
    assert!(start(5, sleep(0)).1.get());
}

#[test]
fn a_sleep_is_never_early_and_takes_one_tick() {
    let host = TestHost::install();
    let (_, finished) = start(5, sleep(300));
    assert_eq!(host.tick_period.get(), 300);

    pass(&host, Duration::from_millis(299));
    assert!(!finished.get());
    // A tick that comes too early, as timers of other hosts may.
    tick(ROOT);
    assert!(!finished.get());
    assert_eq!(host.tick_period.get(), 1);

    pass(&host, Duration::from_millis(1));
    assert!(finished.get());
    assert_eq!(host.tick_period.get(), 0);
}

#[test]
fn the_woken_stream_is_the_effective_context() {
    let host = TestHost::install();
    let seen = Rc::new(RefCell::new(Vec::new()));
    for stream in [7, 8] {
        let (host, seen) = (Rc::clone(&host), Rc::clone(&seen));
        start(stream, async move {
            sleep(10).await;
            assert_eq!(current(), Scope { root: ROOT, context: stream });
            seen.borrow_mut().push((stream, host.effective_context.get()));
        });
    }
    pass(&host, Duration::from_millis(10));
    assert_eq!(*seen.borrow(), [(7, 7), (8, 8)]);
}

#[test]
fn sleeps_end_in_the_order_of_their_deadlines() {
    let host = TestHost::install();
    let order = Rc::new(RefCell::new(Vec::new()));
    for milliseconds in [50, 10, 30, 10] {
        let order = Rc::clone(&order);
        start(5, async move {
            sleep(milliseconds).await;
            order.borrow_mut().push(milliseconds);
        });
    }
    pass(&host, Duration::from_millis(60));
    assert_eq!(*order.borrow(), [10, 10, 30, 50]);
}

#[test]
fn a_shorter_sleep_brings_the_tick_forward() {
    let host = TestHost::install();
    start(5, sleep(1_000));
    start(6, sleep(20));
    assert_eq!(host.tick_period.get(), 20);
    pass(&host, Duration::from_millis(20));
    assert_eq!(host.tick_period.get(), 980);
}

/// Requests that do not sleep come by all the time.
#[test]
fn callbacks_in_between_leave_the_tick_alone() {
    let host = TestHost::install();
    host.now.set(123);
    let (_, finished) = start(5, sleep(20));
    let changes = host.tick_changes.get();
    for _ in 0..190 {
        host.advance(Duration::from_micros(100));
        settle(ROOT);
    }
    assert_eq!(host.tick_changes.get(), changes);
    pass(&host, Duration::from_millis(1));
    assert!(finished.get());
}

/// A client may ask for the longest delay there is.
#[test]
fn a_sleep_beyond_the_longest_tick_does_not_set_it_in_every_callback() {
    let host = TestHost::install();
    start(5, sleep(u64::MAX));
    let changes = host.tick_changes.get();
    for _ in 0..100 {
        host.advance(Duration::from_millis(50));
        settle(ROOT);
    }
    assert_eq!(host.tick_changes.get(), changes);
}

#[test]
fn a_sleep_that_is_cancelled_costs_at_most_one_idle_tick() {
    let host = TestHost::install();
    let (first, _) = start(5, sleep(10));
    let (_, finished) = start(6, sleep(300));
    cancel(first.unwrap());
    settle(ROOT);
    let changes = host.tick_changes.get();
    pass(&host, Duration::from_millis(300));
    assert!(finished.get());
    // After the idle tick at 10 ms the one at 300 ms is set, and then none.
    assert_eq!(host.tick_changes.get(), changes + 2);
}

#[test]
fn a_tick_that_is_late_is_not_put_off_by_other_callbacks() {
    let host = TestHost::install();
    start(5, sleep(20));
    let due = host.tick_due.get();
    for _ in 0..100 {
        host.advance(Duration::from_micros(700));
        settle(ROOT);
        assert!(host.tick_due.get() <= due.max(host.now.get()) + 1_000_000);
    }
    assert!(host.tick_changes.get() <= 2, "{}", host.tick_changes.get());
}

#[test]
fn a_cancelled_future_is_dropped_with_its_sleep_and_the_tick_goes_off() {
    let host = TestHost::install();
    let held = Rc::new(());
    let inside = Rc::clone(&held);
    let (task, finished) = start(5, async move {
        let _inside = inside;
        sleep(100).await;
    });
    cancel(task.unwrap());
    assert_eq!(Rc::strong_count(&held), 1);

    pass(&host, Duration::from_millis(100));
    assert!(!finished.get());
    assert_eq!(host.tick_period.get(), 0);
}

#[test]
fn a_future_may_cancel_another_while_it_is_polled() {
    let host = TestHost::install();
    let (victim, finished) = start(6, sleep(50));
    start(5, async move {
        sleep(10).await;
        cancel(victim.unwrap());
    });
    pass(&host, Duration::from_millis(100));
    assert!(!finished.get());
}

#[test]
fn several_sleeps_in_one_future_follow_each_other() {
    let host = TestHost::install();
    let (_, finished) = start(5, async {
        sleep(10).await;
        sleep(15).await;
    });
    pass(&host, Duration::from_millis(24));
    assert!(!finished.get());
    pass(&host, Duration::from_millis(1));
    assert!(finished.get());
}

/// A future that wakes itself at each poll, for ever.
struct Restless;

impl Future for Restless {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[test]
fn a_future_that_wakes_itself_for_ever_does_not_hang_the_worker() {
    let host = TestHost::install();
    let (task, _) = start(5, Restless);
    assert_eq!(host.tick_period.get(), 1);
    let (_, finished) = start(6, sleep(5));
    pass(&host, Duration::from_millis(6));
    assert!(finished.get());
    cancel(task.unwrap());
}

#[test]
fn ten_thousand_sleeps_share_one_tick_and_leave_nothing_behind() {
    let host = TestHost::install();
    let mut rng = fastrand::Rng::with_seed(3);
    let finished: Vec<_> =
        (0..10_000).map(|stream| start(stream, sleep(rng.u64(50..500))).1).collect();
    pass(&host, Duration::from_millis(500));
    assert!(finished.iter().all(|finished| finished.get()));
    assert_eq!(host.tick_period.get(), 0);
    EXECUTOR.with(|executor| {
        assert!(executor.tasks.borrow().is_empty());
        assert!(executor.timers.is_idle());
    });
}

#[test]
fn a_late_tick_wakes_everything_that_was_due() {
    let host = TestHost::install();
    let finished: Vec<_> = (1..50).map(|milliseconds| start(5, sleep(milliseconds)).1).collect();
    host.advance(Duration::from_secs(1));
    tick(ROOT);
    assert!(finished.iter().all(|finished| finished.get()));
}

#[test]
fn a_plugin_that_is_gone_takes_its_sleeps_with_it() {
    let host = TestHost::install();
    let (_, finished) = start(5, sleep(10));
    remove_root(ROOT);
    host.advance(Duration::from_secs(1));
    tick(ROOT);
    assert!(!finished.get());
}

#[test]
fn work_in_the_background_begins_when_the_callback_is_over_and_runs_as_the_plugin() {
    let host = TestHost::install();
    let seen = Rc::new(Cell::new(0));
    let (inside, context) = (Rc::clone(&seen), Rc::clone(&host));
    let scope = Scope { root: ROOT, context: ROOT };
    let _task = spawn(scope, async move { inside.set(context.effective_context.get()) });
    assert_eq!(seen.get(), 0);
    settle(ROOT);
    assert_eq!(seen.get(), ROOT);
}

#[test]
fn work_in_the_background_ends_with_its_plugin_and_no_other() {
    TestHost::install();
    let held = Rc::new(());
    for root in [ROOT, 2] {
        let inside = Rc::clone(&held);
        let _task = spawn(Scope { root, context: root }, async move {
            let _inside = inside;
            std::future::pending::<()>().await;
        });
    }
    remove_root(ROOT);
    assert_eq!(Rc::strong_count(&held), 2);
}

#[test]
fn a_future_that_ends_its_own_stream_is_dropped_after_its_poll() {
    TestHost::install();
    let task = Rc::new(Cell::new(None));
    let inside = Rc::clone(&task);
    let (id, finished) = start(5, async move {
        sleep(0).await;
        std::future::poll_fn(|context| match inside.take() {
            Some(id) => {
                cancel(id);
                Poll::Pending
            }
            None => {
                context.waker().wake_by_ref();
                Poll::<()>::Pending
            }
        })
        .await;
    });
    task.set(id);
    tick(ROOT);
    assert!(!finished.get());
    EXECUTOR.with(|executor| assert!(executor.tasks.borrow().is_empty()));
}

#[test]
fn a_timeout_gives_up_at_its_limit_and_drops_the_future() {
    let host = TestHost::install();
    let held = Rc::new(());
    let inside = Rc::clone(&held);
    let (_, finished) = start(5, async move {
        let never = async move {
            let _inside = inside;
            std::future::pending::<()>().await;
        };
        assert_eq!(timeout(Duration::from_millis(20), never).await, Err(Elapsed));
        assert_eq!(timeout(Duration::from_millis(20), async { 7 }).await, Ok(7));
    });
    pass(&host, Duration::from_millis(20));
    assert!(finished.get());
    assert_eq!(Rc::strong_count(&held), 1);
    assert_eq!(host.tick_period.get(), 0);
}

/// A loop that sleeps must leave the worker to others, whatever the host's clock does.
#[test]
fn sleeping_again_and_again_without_a_clock_does_not_hang_the_worker() {
    for now in [u64::MAX, 0] {
        let host = TestHost::install();
        host.now.set(now);
        host.has_no_clock.set(now == 0);
        let rounds = Rc::new(Cell::new(0));
        let inside = Rc::clone(&rounds);
        let (task, _) = start(5, async move {
            loop {
                sleep(1_000).await;
                inside.set(inside.get() + 1);
            }
        });
        tick(ROOT);
        assert!((1..10_000).contains(&rounds.get()), "{}", rounds.get());
        cancel(task.unwrap());
    }
}
