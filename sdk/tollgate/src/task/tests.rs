use super::*;
use crate::testing::TestHost;
use crate::time::sleep;
use std::sync::Arc;
use std::task::Wake;
use std::time::Duration;

const ROOT: u32 = 1;

/// Runs a future as a request of `stream`; tells what came of it.
fn request<T: 'static>(
    stream: u32,
    future: impl Future<Output = T> + 'static,
) -> (Option<TaskId>, Rc<RefCell<Option<T>>>) {
    let output = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&output);
    let scope = Scope { root: ROOT, context: stream };
    let task = executor::start(scope, future, move |output| {
        slot.replace(Some(output));
        None::<std::future::Ready<()>>
    });
    executor::settle(ROOT);
    (task, output)
}

fn pass(host: &TestHost, milliseconds: u64) {
    host.advance(Duration::from_millis(milliseconds));
    executor::tick(ROOT);
}

/// Work of 10 ms, and how often it was begun.
#[derive(Clone, Default)]
struct Work {
    begun: Rc<Cell<u32>>,
    flight: SingleFlight<u32>,
}

impl Work {
    async fn wait(self) -> u32 {
        let begun = Rc::clone(&self.begun);
        let work = move || async move {
            begun.set(begun.get() + 1);
            sleep(Duration::from_millis(10)).await;
            begun.get()
        };
        self.flight.run(work).await
    }
}

#[test]
fn a_task_gives_its_output_to_who_awaits_it() {
    let host = TestHost::install();
    let (_, output) = request(5, async {
        let task = spawn(async {
            sleep(Duration::from_millis(10)).await;
            7
        });
        task.await
    });
    assert_eq!(*output.borrow(), None);
    pass(&host, 10);
    assert_eq!(*output.borrow(), Some(7));
}

#[test]
fn a_task_that_is_dropped_ends_and_one_that_is_detached_goes_on() {
    let host = TestHost::install();
    let done = Rc::new(Cell::new(0));
    let work = |done: &Rc<Cell<u32>>| {
        let done = Rc::clone(done);
        async move {
            sleep(Duration::from_millis(10)).await;
            done.set(done.get() + 1);
        }
    };
    let (dropped, detached) = (work(&done), work(&done));
    request(5, async move {
        drop(spawn(dropped));
        spawn(detached).detach();
    });
    pass(&host, 10);
    assert_eq!(done.get(), 1);
}

#[test]
fn a_thousand_who_wait_for_the_same_begin_it_once() {
    let host = TestHost::install();
    let work = Work::default();
    let outputs: Vec<_> =
        (0..1000).map(|stream| request(100 + stream, work.clone().wait()).1).collect();
    assert!(work.flight.is_running());
    pass(&host, 10);
    assert!(outputs.iter().all(|output| *output.borrow() == Some(1)));
    assert_eq!((work.begun.get(), work.flight.is_running()), (1, false));
}

#[test]
fn who_comes_after_the_end_begins_anew() {
    let host = TestHost::install();
    let work = Work::default();
    for expected in [1, 2] {
        let (_, output) = request(5, work.clone().wait());
        pass(&host, 10);
        assert_eq!(*output.borrow(), Some(expected));
    }
}

#[test]
fn the_work_goes_on_when_the_request_that_began_it_is_gone() {
    let host = TestHost::install();
    let work = Work::default();
    let (first, _) = request(5, work.clone().wait());
    let (_, output) = request(6, work.clone().wait());
    executor::cancel(first.unwrap());
    pass(&host, 10);
    assert_eq!((*output.borrow(), work.begun.get()), (Some(1), 1));
}

/// A poisoned flight must not ground all that follow.
#[test]
fn work_that_is_dropped_makes_room_for_the_next() {
    let host = TestHost::install();
    let work = Work::default();
    let (waiting, _) = request(5, work.clone().wait());
    executor::remove_root(ROOT);
    assert!(!work.flight.is_running());
    executor::cancel(waiting.unwrap());
    let (_, output) = request(6, work.clone().wait());
    pass(&host, 10);
    assert_eq!(*output.borrow(), Some(2));
}

/// The plugin that began it may go while another, which has the same by a `WorkerCell`, waits for it.
#[test]
fn who_waits_for_work_that_is_dropped_begins_it_anew() {
    let host = TestHost::install();
    let work = Work::default();
    let _beginner = request(5, work.clone().wait());
    let (_, output) = request(6, work.clone().wait());
    executor::remove_root(ROOT);
    executor::settle(ROOT);
    pass(&host, 10);
    assert_eq!((*output.borrow(), work.begun.get()), (Some(2), 2));
}

struct Sleeper;

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn who_waits_and_is_woken_by_something_else_is_kept_once() {
    let flight = Flight {
        outcome: RefCell::new(None::<u8>),
        is_lost: Cell::default(),
        waiters: RefCell::default(),
    };
    let waker = Waker::from(Arc::new(Sleeper));
    let context = Context::from_waker(&waker);
    let mut waits = None;
    for _ in 0..5 {
        assert!(flight.poll(&context, &mut waits).is_pending());
    }
    assert_eq!(flight.waiters.borrow().len(), 1);
    flight.outcome.replace(Some(7));
    assert_eq!(flight.poll(&context, &mut waits), Poll::Ready(Some(7)));
}
