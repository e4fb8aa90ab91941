use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;

thread_local! {
    static VALUES: RefCell<BTreeMap<(TypeId, String), Rc<dyn Any>>> =
        const { RefCell::new(BTreeMap::new()) };
}

/// A value that all configurations of a filter in one worker share, by name; it survives a new
/// configuration, and ends with the VM.
///
/// For what is dear to make and the same for all, such as a cache. It is shared by plugins that have
/// one `vm_id` and one module; with different ones each has a VM, and a value, of its own.
///
/// ```
/// use std::cell::Cell;
/// use tollgate::shared::WorkerCell;
///
/// let one = WorkerCell::get_or_init("requests", || Cell::new(0));
/// let other = WorkerCell::get_or_init("requests", || Cell::new(0));
/// one.set(7);
/// assert_eq!(other.get(), 7);
/// ```
#[derive(Debug)]
pub struct WorkerCell<T>(Rc<T>);

impl<T: 'static> WorkerCell<T> {
    /// The value of this name and type; made, if there is none yet.
    pub fn get_or_init(name: &str, init: impl FnOnce() -> T) -> Self {
        let key = (TypeId::of::<T>(), name.to_owned());
        let present = VALUES.with_borrow(|values| values.get(&key).cloned());
        if let Some(Ok(value)) = present.map(Rc::downcast) {
            return Self(value);
        }
        // Not borrowed meanwhile: making a value may ask for another one.
        let value = Rc::new(init());
        VALUES.with_borrow_mut(|values| values.insert(key, Rc::<T>::clone(&value)));
        Self(value)
    }
}

impl<T> Clone for WorkerCell<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Deref for WorkerCell<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
