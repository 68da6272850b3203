//! All raw pointer handling. The types defined here appear in the signatures of exported functions,
//! so their values come from C: the caller guarantees, as the header requires, that a pointer
//! that is not NULL is valid. NULL is always checked.

#![allow(clippy::disallowed_methods)]

use std::borrow::Cow;
#[cfg(unix)]
use std::ffi::c_int;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::ffi::c_ulong;
use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::mem::{self, MaybeUninit};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::{ptr, slice};

use log::Log;
use zignsec_core::Error;

use crate::argument::{invalid, is_null, not_utf8};

/// A string from C: NUL-terminated UTF-8, or NULL.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct InStr<'a>(*const c_char, PhantomData<&'a c_char>);

impl<'a> InStr<'a> {
    /// A string for the length of a callback.
    pub(crate) fn new(text: &'a CStr) -> Self {
        Self(text.as_ptr(), PhantomData)
    }

    /// An optional string. NULL and an empty string both mean that it was not given.
    pub(crate) fn optional(self, name: &str) -> Result<Option<&'a str>, Error> {
        if self.0.is_null() {
            return Ok(None);
        }
        // SAFETY: not NULL, and the caller guarantees a NUL-terminated string that stays unchanged
        // during the call.
        let text = unsafe { CStr::from_ptr(self.0) };
        let text = text.to_str().map_err(|error| not_utf8(name, &error))?;
        Ok((!text.is_empty()).then_some(text))
    }

    /// A copy of an optional string.
    pub(crate) fn optional_owned<T: From<&'a str>>(self, name: &str) -> Result<Option<T>, Error> {
        Ok(self.optional(name)?.map(T::from))
    }

    /// A required string. It may be empty: the core reports what is wrong with that.
    pub(crate) fn required(self, name: &str) -> Result<&'a str, Error> {
        if self.0.is_null() {
            return Err(is_null(name));
        }
        Ok(self.optional(name)?.unwrap_or_default())
    }

    /// Untrusted input, which the core checks: NULL becomes an empty string, and each invalid UTF-8
    /// sequence becomes U+FFFD.
    pub(crate) fn lossy(self) -> Cow<'a, str> {
        if self.0.is_null() {
            return Cow::Borrowed("");
        }
        // SAFETY: not NULL, and the caller guarantees a NUL-terminated string that stays unchanged
        // during the call.
        unsafe { CStr::from_ptr(self.0) }.to_string_lossy()
    }
}

/// Bytes from C. Their length is a separate argument.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct InBytes<'a>(*const u8, PhantomData<&'a u8>);

impl<'a> InBytes<'a> {
    /// The bytes. The pointer may be NULL if the length is 0.
    pub(crate) fn slice(self, name: &str, length: usize) -> Result<&'a [u8], Error> {
        if length == 0 {
            return Ok(&[]);
        }
        if self.0.is_null() {
            return Err(is_null(name));
        }
        if isize::try_from(length).is_err() {
            return Err(invalid(name, "exceeds the maximum size"));
        }
        // SAFETY: not NULL, not larger than an object can be, and the caller guarantees that many
        // bytes, which stay unchanged during the call.
        Ok(unsafe { slice::from_raw_parts(self.0, length) })
    }
}

/// A struct from C that may grow: it begins with the size that the caller knows.
///
/// # Safety
///
/// The struct is `repr(C)`, its first field is its size as a `usize`, zero bytes are a valid value
/// of it, it has no padding, and `FIELD_ENDS` contains the end of each field. [`extensible!`]
/// checks all of this except `repr(C)` and the zero bytes.
pub(crate) unsafe trait Extensible: Copy {
    /// What a caller initialises the struct with, for error messages.
    const INIT: &'static str;
    /// The end of each field, in ascending order: the sizes that callers of some version use.
    const FIELD_ENDS: &'static [usize];
}

/// Implements [`Extensible`] for a struct. The list names all fields in their order, which the
/// compiler checks.
macro_rules! extensible {
    ($name:ident $(<$lifetime:lifetime>)?, $init:literal, { $($field:ident),+ $(,)? }) => {
        // SAFETY: the struct is repr(C) and its fields are integers, pointers and optional
        // functions, for which zero is valid. The constants below check the rest.
        unsafe impl $(<$lifetime>)? $crate::ptr::Extensible for $name $(<$lifetime>)? {
            const INIT: &'static str = $init;
            const FIELD_ENDS: &'static [usize] = {
                // Does not compile if the list misses a field.
                let _: fn(Self) = |Self { $($field: _),+ }| {};
                let starts = [$(std::mem::offset_of!(Self, $field)),+];
                let sizes = [$($crate::ptr::field_size(|value: &Self| &value.$field)),+];
                $crate::ptr::check_fields(&starts, &sizes, size_of::<Self>());
                &[$(
                    std::mem::offset_of!(Self, $field)
                        + $crate::ptr::field_size(|value: &Self| &value.$field)
                ),+]
            };
        }

        // Runs the checks whenever the crate is compiled.
        const _: &[usize] = <$name as $crate::ptr::Extensible>::FIELD_ENDS;
    };
}

pub(crate) use extensible;

/// The size of the field that `_field` returns.
pub(crate) const fn field_size<T, F>(_field: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// Fails to compile if the fields of an [`Extensible`] struct are out of order, or leave padding: a
/// field that is added later could take its place, and older callers do not set padding to zero.
pub(crate) const fn check_fields(starts: &[usize], sizes: &[usize], struct_size: usize) {
    assert!(sizes[0] == size_of::<usize>(), "the first field is the size");
    let mut end = 0;
    let mut number = 0;
    while number < starts.len() {
        assert!(starts[number] == end, "fields are in order and without padding between them");
        // Then there is no padding on systems with pointers of four bytes either.
        assert!(sizes[number] == 4 || sizes[number] == size_of::<usize>(), "int32_t or a pointer");
        end += sizes[number];
        number += 1;
    }
    assert!(end == struct_size, "the struct has no padding at its end");
}

/// The largest accepted size of an [`Extensible`] struct.
const MAX_SIZE: usize = 4096;

/// A pointer to an [`Extensible`] struct, or NULL.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct InPtr<'a, T>(*const T, PhantomData<&'a T>);

impl<T: Extensible> InPtr<'_, T> {
    /// Copies the struct. Fields that the caller's version does not have become zero; fields that
    /// this version does not have must be zero.
    pub(crate) fn read(self, name: &str) -> Result<Option<T>, Error> {
        if self.0.is_null() {
            return Ok(None);
        }
        let bytes = self.0.cast::<u8>();
        // SAFETY: not NULL, and every version of the struct begins with its size.
        let size = unsafe { bytes.cast::<usize>().read_unaligned() };
        let known = size_of::<T>();
        if size > MAX_SIZE || size < known && !T::FIELD_ENDS.contains(&size) {
            let problem = format!("has an invalid struct_size; initialise it with {}", T::INIT);
            return Err(invalid(name, &problem));
        }
        for at in known..size {
            // SAFETY: the caller guarantees `size` bytes.
            if unsafe { bytes.add(at).read() } != 0 {
                return Err(invalid(name, "sets an option that this version does not support"));
            }
        }
        let mut value = MaybeUninit::<T>::zeroed();
        // SAFETY: the caller guarantees `size` bytes, `value` has room for `known`, and the two do
        // not overlap.
        unsafe { ptr::copy_nonoverlapping(bytes, value.as_mut_ptr().cast(), size.min(known)) };
        // SAFETY: zero bytes are a valid `T` (Extensible), and the caller guarantees the fields
        // that were copied over them.
        Ok(Some(unsafe { value.assume_init() }))
    }
}

/// A pointer to memory for an [`Extensible`] struct that has no value yet, or NULL.
#[repr(transparent)]
pub struct InitPtr<'a, T>(*mut T, PhantomData<&'a mut T>);

impl<T: Extensible> InitPtr<'_, T> {
    /// Writes zero into `size` bytes, then `size` into the first field. Writes nothing if there is
    /// no room for that field.
    pub(crate) fn init(self, size: usize) {
        if self.0.is_null() || size < size_of::<usize>() {
            return;
        }
        let bytes = self.0.cast::<u8>();
        // SAFETY: not NULL, and the caller guarantees `size` bytes.
        unsafe { bytes.write_bytes(0, size.min(MAX_SIZE)) };
        // SAFETY: as above, and the bytes have room for a `usize`.
        unsafe { bytes.cast::<usize>().write_unaligned(size) };
    }
}

/// A pointer to a variable of C for a new object, or NULL. The variable may be uninitialised.
pub(crate) type OutPtr<'a, T> = Option<&'a mut MaybeUninit<*mut T>>;

/// A pointer to a variable of C for an object that the library owns, or NULL.
pub(crate) type OutBorrowed<'a, T> = Option<&'a mut MaybeUninit<*const T>>;

/// A pointer that C receives for a `T`.
pub(crate) trait IntoRaw<T>: Sized {
    const NULL: Self;
    fn into_raw(value: T) -> Self;
}

/// An object that C owns from now on.
impl<T> IntoRaw<T> for *mut T {
    const NULL: Self = ptr::null_mut();

    fn into_raw(value: T) -> Self {
        Box::into_raw(Box::new(value))
    }
}

/// An object that the library owns until the process ends.
impl<T> IntoRaw<&'static T> for *const T {
    const NULL: Self = ptr::null();

    fn into_raw(value: &'static T) -> Self {
        value
    }
}

/// An object that C gives back, or NULL.
#[repr(transparent)]
pub struct FreePtr<'a, T>(*mut T, PhantomData<&'a T>);

impl<T> FreePtr<'_, T> {
    /// The object, unless it is the one that the library owns.
    pub(crate) fn into_box(self, owned: Option<&T>) -> Option<Box<T>> {
        if self.0.is_null() || owned.is_some_and(|owned| ptr::eq(owned, self.0)) {
            return None;
        }
        // SAFETY: not NULL, and the caller guarantees an object that it received and did not free.
        Some(unsafe { Box::from_raw(self.0) })
    }
}

/// The last argument of a callback: a pointer that the library passes on and never dereferences.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct UserData(*mut c_void);

#[cfg(test)]
impl UserData {
    pub(crate) const NULL: Self = Self(ptr::null_mut());
}

/// A log callback.
pub(crate) type LogFn = extern "C-unwind" fn(level: i32, message: InStr<'_>, user_data: UserData);

/// A log callback with its last argument. Without a lock, because a fork would copy a lock that
/// another thread holds, and the child could never take it.
pub(crate) struct AtomicLogFn {
    /// A `LogFn`, or NULL.
    function: AtomicPtr<c_void>,
    user_data: AtomicPtr<c_void>,
}

impl AtomicLogFn {
    pub(crate) const fn none() -> Self {
        Self {
            function: AtomicPtr::new(ptr::null_mut()),
            user_data: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Stores a function and its argument, one after the other: no other thread may load meanwhile.
    pub(crate) fn store(&self, function: Option<LogFn>, user_data: UserData) {
        self.user_data.store(user_data.0, Ordering::Relaxed);
        let function = function.map_or(ptr::null_mut(), |function| function as *mut c_void);
        self.function.store(function, Ordering::Release);
    }

    pub(crate) fn load(&self) -> Option<(LogFn, UserData)> {
        let function = self.function.load(Ordering::Acquire);
        // SAFETY: `store` is the only writer, and NULL is the `None` of an optional function.
        let function = unsafe { mem::transmute::<*mut c_void, Option<LogFn>>(function) };
        Some((function?, UserData(self.user_data.load(Ordering::Relaxed))))
    }
}

/// Installs `logger`, at the first call in a process. `log::set_logger` would wait for another
/// thread that is installing one, and a fork can remove that thread.
pub(crate) fn set_logger(logger: &'static dyn Log) {
    static CALLED: AtomicBool = AtomicBool::new(false);
    if !CALLED.swap(true, Ordering::AcqRel) {
        // SAFETY: this line runs once, and nothing else in the library sets a logger.
        let _ = unsafe { log::set_logger_racy(logger) };
    }
}

/// Calls `hook` in each child that this process forks from now on. Returns false if there is not
/// enough memory, or no such function.
pub(crate) fn call_after_fork_in_child(hook: extern "C" fn()) -> bool {
    #[cfg(unix)]
    {
        type Hook = Option<extern "C" fn()>;
        unsafe extern "C" {
            fn pthread_atfork(prepare: Hook, parent: Hook, child: Hook) -> c_int;
        }
        // SAFETY: the function of POSIX. The hook stays valid: the shared library is never unloaded,
        // and with a plugin that contains the static library, glibc removes the hook.
        unsafe { pthread_atfork(None, None, Some(hook)) == 0 }
    }
    #[cfg(not(unix))]
    {
        let _ = hook;
        false
    }
}

/// Keeps the shared library loaded until the process ends: a thread that looks up a name can outlive
/// the call that started it, and thread-local destructors run when a thread ends. On other systems a
/// flag of the file does the same: see build.rs. In a program that contains the static library,
/// this has no effect; in a plugin that contains it, the plugin stays loaded.
pub(crate) fn stay_loaded() {
    #[cfg(windows)]
    {
        use windows_sys::Win32::System::LibraryLoader::{
            GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN,
            GetModuleHandleExW,
        };
        let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
        let address: fn() = stay_loaded;
        let mut module = ptr::null_mut();
        // SAFETY: with this flag, the function takes any address inside a module in place of a
        // name. It is not released, and need not be.
        unsafe { GetModuleHandleExW(flags, (address as *const ()).cast(), &raw mut module) };
    }
    #[cfg(target_vendor = "apple")]
    {
        const RTLD_LAZY: c_int = 0x1;
        const RTLD_NOLOAD: c_int = 0x10;
        const RTLD_NODELETE: c_int = 0x80;
        #[repr(C)]
        struct DlInfo {
            file: *const c_char,
            base: *const c_void,
            symbol: *const c_char,
            address: *const c_void,
        }
        unsafe extern "C" {
            fn dladdr(address: *const c_void, info: *mut DlInfo) -> c_int;
            fn dlopen(file: *const c_char, mode: c_int) -> *mut c_void;
        }
        let address: fn() = stay_loaded;
        let mut info = MaybeUninit::<DlInfo>::uninit();
        // SAFETY: the function takes any address, and `info` has its layout.
        if unsafe { dladdr((address as *const ()).cast(), info.as_mut_ptr()) } != 0 {
            // SAFETY: a result that is not 0 means that `info` was filled in.
            let file = unsafe { info.assume_init() }.file;
            // SAFETY: the path of the library that this code is in, which is loaded already.
            unsafe { dlopen(file, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) };
        }
    }
}

/// The value of `AT_SECURE`: whether the process was started with privileges that its user does not
/// have. `None` if the system does not report it.
pub(crate) fn at_secure() -> Option<bool> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        const AT_SECURE: c_ulong = 23;
        unsafe extern "C" {
            fn getauxval(kind: c_ulong) -> c_ulong;
        }
        // SAFETY: the function of glibc and musl, which reads what the kernel passed to the process.
        Some(unsafe { getauxval(AT_SECURE) } != 0)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    None
}

/// Runs `call`, and holds off `pthread_cancel` meanwhile: it would unwind the stack from inside a
/// system call, and Rust aborts the process if its functions are unwound in this way.
///
/// A thread that was cancelled meanwhile may end before this function returns, if it can be
/// cancelled asynchronously. Therefore nothing is left to drop after `call`, and the functions that
/// C calls are `extern "C-unwind"`.
#[cfg(all(unix, not(target_os = "android")))]
pub(crate) fn without_cancellation<T: Copy>(call: impl FnOnce() -> T) -> T {
    const PTHREAD_CANCEL_DISABLE: c_int = if cfg!(target_vendor = "apple") { 0 } else { 1 };
    unsafe extern "C-unwind" {
        fn pthread_setcancelstate(state: c_int, old_state: *mut c_int) -> c_int;
    }
    let mut state = PTHREAD_CANCEL_DISABLE;
    // SAFETY: `state` is a valid state, and a variable to write the previous one to.
    unsafe { pthread_setcancelstate(state, &raw mut state) };
    let result = call();
    // SAFETY: as above; this is the previous state.
    unsafe { pthread_setcancelstate(state, &raw mut state) };
    result
}

/// Windows and Android cannot cancel threads in this way.
#[cfg(not(all(unix, not(target_os = "android"))))]
pub(crate) fn without_cancellation<T: Copy>(call: impl FnOnce() -> T) -> T {
    call()
}

/// What C reads at a pointer that the library returned.
#[cfg(test)]
pub(crate) fn read_c_string<'a>(text: *const c_char) -> Option<&'a str> {
    let text = InStr(text, PhantomData);
    (!text.0.is_null()).then(|| text.required("text").unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: usize = size_of::<usize>();

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Options {
        struct_size: usize,
        first: i32,
        second: i32,
        third: usize,
    }

    extensible!(Options, "OPTIONS_INIT", { struct_size, first, second, third });

    const FULL: Options = Options { struct_size: 2 * WORD + 8, first: 5, second: 6, third: 7 };

    /// Bytes that are aligned for a struct.
    #[repr(C, align(8))]
    struct Buffer([u8; MAX_SIZE + 1]);

    fn buffer(options: Options) -> Buffer {
        let mut buffer = Buffer([0; MAX_SIZE + 1]);
        buffer.0[..WORD].copy_from_slice(&options.struct_size.to_ne_bytes());
        buffer.0[WORD..WORD + 4].copy_from_slice(&options.first.to_ne_bytes());
        buffer.0[WORD + 4..WORD + 8].copy_from_slice(&options.second.to_ne_bytes());
        buffer.0[WORD + 8..2 * WORD + 8].copy_from_slice(&options.third.to_ne_bytes());
        buffer
    }

    fn read(buffer: &Buffer) -> Result<Options, String> {
        let pointer = InPtr::<Options>(buffer.0.as_ptr().cast(), PhantomData);
        match pointer.read("options") {
            Ok(options) => Ok(options.unwrap()),
            Err(error) => Err(error.message().to_owned()),
        }
    }

    #[test]
    fn missing_fields_of_an_older_caller_are_zero() {
        let cut = |struct_size| read(&buffer(Options { struct_size, ..FULL })).unwrap();
        let empty = Options { struct_size: WORD, first: 0, second: 0, third: 0 };
        assert_eq!(cut(WORD), empty);
        assert_eq!(cut(WORD + 4), Options { struct_size: WORD + 4, first: 5, ..empty });
        assert_eq!(cut(WORD + 8), Options { struct_size: WORD + 8, third: 0, ..FULL });
        assert_eq!(cut(2 * WORD + 8), FULL);
    }

    #[test]
    fn unknown_fields_of_a_newer_caller_must_be_zero() {
        for struct_size in [FULL.struct_size + 1, FULL.struct_size + WORD, MAX_SIZE] {
            let newer = Options { struct_size, ..FULL };
            let mut buffer = buffer(newer);
            assert_eq!(read(&buffer), Ok(newer));
            // Outside the struct.
            buffer.0[struct_size] = 1;
            assert_eq!(read(&buffer), Ok(newer));
            buffer.0[struct_size - 1] = 1;
            let message = "options sets an option that this version does not support";
            assert_eq!(read(&buffer), Err(message.to_owned()));
        }
    }

    #[test]
    fn sizes_that_cut_a_field_or_are_out_of_range_are_refused() {
        let boundaries = [WORD, WORD + 4, WORD + 8, 2 * WORD + 8];
        let within = (0..2 * WORD + 8).filter(|size| !boundaries.contains(size));
        for struct_size in within.chain([MAX_SIZE + 1, usize::MAX]) {
            let message = "options has an invalid struct_size; initialise it with OPTIONS_INIT";
            let result = read(&buffer(Options { struct_size, ..FULL }));
            assert_eq!(result, Err(message.to_owned()), "{struct_size}");
        }
    }

    #[test]
    fn initialising_writes_zero_and_the_size() {
        let init = |size: usize| {
            let mut buffer = Buffer([0xff; MAX_SIZE + 1]);
            InitPtr::<Options>(buffer.0.as_mut_ptr().cast(), PhantomData).init(size);
            buffer
        };
        for size in [WORD, WORD + 4, FULL.struct_size, MAX_SIZE, MAX_SIZE + 1, usize::MAX] {
            let written = size.min(MAX_SIZE);
            let buffer = init(size);
            assert_eq!(buffer.0[..WORD], size.to_ne_bytes());
            assert!(buffer.0[WORD..written].iter().all(|&byte| byte == 0), "{size}");
            assert!(buffer.0[written..].iter().all(|&byte| byte == 0xff), "{size}");
        }
        for size in 0..WORD {
            assert!(init(size).0.iter().all(|&byte| byte == 0xff), "{size}");
        }
        InitPtr::<Options>(ptr::null_mut(), PhantomData).init(FULL.struct_size);
    }

    #[test]
    fn strings_are_checked_for_null_and_utf_8() {
        let null = InStr(ptr::null(), PhantomData);
        assert_eq!(InStr::new(c"a").required("x").unwrap(), "a");
        assert_eq!(InStr::new(c"").optional("x").unwrap(), None);
        assert_eq!(InStr::new(c"").required("x").unwrap(), "");
        assert!(InStr::new(c"\xff").optional("x").is_err());
        assert!(null.required("x").is_err());
        assert_eq!(null.optional("x").unwrap(), None);
        assert_eq!(null.lossy(), "");
        assert_eq!(InStr::new(c"a\xff").lossy(), "a\u{fffd}");
    }

    #[test]
    fn bytes_are_checked_for_null_and_length() {
        let bytes = InBytes([1, 2, 3].as_ptr(), PhantomData);
        assert_eq!(bytes.slice("x", 2).unwrap(), [1, 2]);
        assert!(bytes.slice("x", usize::MAX).is_err());
        let null = InBytes(ptr::null(), PhantomData);
        assert!(null.slice("x", 0).unwrap().is_empty());
        assert!(null.slice("x", 1).is_err());
    }
}
