//! All work with raw pointers. The types here stand in the signatures of exported functions, so a
//! value of one is always made by C: it is a pointer that the caller of the function vouches for,
//! as the header asks, and NULL is always looked for.

#![allow(clippy::disallowed_methods)]

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_void};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::MutexGuard;
use std::{ptr, slice};

use log::Log;
use zignsec_core::{Error, ErrorKind, bindings};

use crate::client::zs_client_options;
use crate::request::zs_phone_2fa_request;
use crate::wait::zs_wait_options;

/// A string from C: NUL-terminated UTF-8, or NULL.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Text<'a>(*const c_char, PhantomData<&'a c_char>);

impl<'a> Text<'a> {
    /// The string, if there is one. An empty one is none.
    pub(crate) fn optional(self, name: &str) -> Result<Option<&'a str>, Error> {
        if self.0.is_null() {
            return Ok(None);
        }
        // SAFETY: not NULL, and the caller vouches for a NUL-terminated string that lives as long
        // as the call.
        let text = unsafe { CStr::from_ptr(self.0) };
        let text = text.to_str().map_err(|_| invalid(name, "is not UTF-8"))?;
        Ok((!text.is_empty()).then_some(text))
    }

    /// A string that must be there. It may be empty: the core knows what to say of that.
    pub(crate) fn required(self, name: &str) -> Result<&'a str, Error> {
        if self.0.is_null() {
            return Err(is_null(name));
        }
        Ok(self.optional(name)?.unwrap_or_default())
    }

    /// A string that a stranger may have written: NULL is empty, and what is not UTF-8 becomes
    /// U+FFFD. It is for the core to refuse.
    pub(crate) fn lossy(self) -> Cow<'a, str> {
        if self.0.is_null() {
            return Cow::Borrowed("");
        }
        // SAFETY: not NULL, and the caller vouches for a NUL-terminated string that lives as long
        // as the call.
        unsafe { CStr::from_ptr(self.0) }.to_string_lossy()
    }
}

/// Bytes from C, whose number stands beside them.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Bytes<'a>(*const u8, PhantomData<&'a u8>);

impl<'a> Bytes<'a> {
    /// The bytes. NULL will do where there are none.
    pub(crate) fn slice(self, name: &str, length: usize) -> Result<&'a [u8], Error> {
        if length == 0 {
            return Ok(&[]);
        }
        if self.0.is_null() {
            return Err(is_null(name));
        }
        if isize::try_from(length).is_err() {
            return Err(invalid(name, "is longer than memory can be"));
        }
        // SAFETY: not NULL, no longer than an object can be, and the caller vouches for that many
        // bytes, which live and stay as they are as long as the call.
        Ok(unsafe { slice::from_raw_parts(self.0, length) })
    }
}

/// A struct that may grow, from C: it begins with its size, as the caller knows it.
///
/// # Safety
///
/// The struct is `repr(C)`, its first field is the size as a `usize`, zero bytes are a valid value
/// of it, and it has no padding within `FIRST_SIZE`.
pub(crate) unsafe trait Extensible: Copy {
    /// The size of the struct in the first release.
    const FIRST_SIZE: usize;
}

// SAFETY: repr(C), the size first, then pointers and integers: zero is valid. The six integers fill
// a multiple of every pointer's size, so there is no padding.
unsafe impl Extensible for zs_client_options<'_> {
    const FIRST_SIZE: usize = size_of::<Self>();
}

// SAFETY: repr(C), the size first, then pointers alone: zero is valid, and there is no padding.
unsafe impl Extensible for zs_phone_2fa_request<'_> {
    const FIRST_SIZE: usize = size_of::<Self>();
}

// SAFETY: repr(C), the size first, then pointers and integers: zero is valid, as a callback it is
// none. The two integers fill a multiple of every pointer's size, so there is no padding.
unsafe impl Extensible for zs_wait_options {
    const FIRST_SIZE: usize = size_of::<Self>();
}

/// The largest size of a struct that is believed.
const LARGEST: usize = 4096;

/// Copies an [`Extensible`] struct in, as much of it as the caller knows; the rest is zero.
pub(crate) fn read_struct<T: Extensible>(
    name: &str,
    from: Struct<'_, T>,
) -> Result<Option<T>, Error> {
    if from.0.is_null() {
        return Ok(None);
    }
    let bytes = from.0.cast::<u8>();
    // SAFETY: not NULL, and every version of the struct begins with its size.
    let size = unsafe { bytes.cast::<usize>().read_unaligned() };
    if !(T::FIRST_SIZE..=LARGEST).contains(&size) {
        return Err(invalid(name, "has a struct_size that no version has; begin with its _INIT"));
    }
    let known = size_of::<T>();
    for at in known..size {
        // SAFETY: the caller vouches for `size` bytes.
        if unsafe { bytes.add(at).read() } != 0 {
            return Err(invalid(name, "sets an option that this version of the library lacks"));
        }
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: the caller vouches for `size` bytes, `value` has room for `known`, and they are
    // apart.
    unsafe { ptr::copy_nonoverlapping(bytes, value.as_mut_ptr().cast(), size.min(known)) };
    // SAFETY: zero bytes are a valid `T` (Extensible), and so is what C wrote over them.
    Ok(Some(unsafe { value.assume_init() }))
}

/// A pointer to an [`Extensible`] struct, or NULL.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Struct<'a, T>(*const T, PhantomData<&'a T>);

/// A place in C for a pointer to a new object, or NULL. It may hold anything yet.
pub(crate) type Out<'a, T> = Option<&'a mut MaybeUninit<*mut T>>;

/// A place in C for a pointer to an object that stays the library's, or NULL.
pub(crate) type Lent<'a, T> = Option<&'a mut MaybeUninit<*const T>>;

/// A pointer that C is given for a `T`.
pub(crate) trait Given<T>: Sized {
    const NULL: Self;
    fn new(value: T) -> Self;
}

/// An object that is C's from now on.
impl<T> Given<T> for *mut T {
    const NULL: Self = ptr::null_mut();

    fn new(value: T) -> Self {
        Box::into_raw(Box::new(value))
    }
}

/// An object that C may look at for ever.
impl<T> Given<&'static T> for *const T {
    const NULL: Self = ptr::null();

    fn new(value: &'static T) -> Self {
        value
    }
}

/// An object that C gives back, or NULL.
#[repr(transparent)]
pub struct Back<'a, T>(*mut T, PhantomData<&'a T>);

impl<T> Back<'_, T> {
    /// The object, unless it is one that C was only lent.
    pub(crate) fn owned(self, lent: Option<&T>) -> Option<Box<T>> {
        if self.0.is_null() || lent.is_some_and(|lent| ptr::eq(lent, self.0)) {
            return None;
        }
        // SAFETY: not NULL, and the caller vouches for an object that it was handed and did not give
        // back before.
        Some(unsafe { Box::from_raw(self.0) })
    }
}

/// What C wants its callback to be given: a pointer that is passed on and never looked at.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct UserData(#[allow(dead_code, reason = "C is who uses it")] *mut c_void);

impl UserData {
    pub(crate) const NULL: Self = Self(ptr::null_mut());
}

// SAFETY: it is never looked at here, and a caller whose callback is called by other threads vouches
// for what they do with it.
unsafe impl Send for UserData {}
// SAFETY: as for Send.
unsafe impl Sync for UserData {}

/// Makes `logger` the library's own, unless it has one: `alone` is the lock that every call of this
/// holds. `log::set_logger` has a lock of its own, which a fork can leave held for ever.
pub(crate) fn set_logger(logger: &'static dyn Log, _alone: &MutexGuard<'_, ()>) {
    // SAFETY: nothing else in the library sets a logger, and no two threads do it here at once.
    let _ = unsafe { log::set_logger_racy(logger) };
}

/// A string that an object keeps for C.
pub(crate) struct Kept(Option<CString>);

impl Kept {
    pub(crate) fn new(text: &str) -> Self {
        // The core gives out no NUL. If it did, the end of the text would be what is lost.
        let end = text.find('\0').unwrap_or(text.len());
        Self(CString::new(&text[..end]).ok())
    }

    pub(crate) fn optional(text: Option<&str>) -> Self {
        text.map_or(Self(None), Self::new)
    }

    /// For a callback to read.
    pub(crate) fn as_text(&self) -> Text<'_> {
        Text(self.as_ptr(), PhantomData)
    }

    /// For C to read while the object lives; NULL where there is none.
    pub(crate) fn as_ptr(&self) -> *const c_char {
        self.0.as_deref().map_or(ptr::null(), CStr::as_ptr)
    }
}

/// Strings that an object keeps for C, all in one piece of memory: each is made for every call, and
/// few are read.
pub(crate) struct Texts<const COUNT: usize> {
    /// One after the other, each with a NUL at its end.
    bytes: Box<[u8]>,
    starts: [Option<usize>; COUNT],
}

impl<const COUNT: usize> Texts<COUNT> {
    /// The core gives out no NUL. If it did, the end of that text would be what is lost.
    pub(crate) fn new(texts: [Option<&str>; COUNT]) -> Self {
        let length = texts.iter().flatten().map(|text| text.len() + 1).sum();
        let mut bytes = Vec::with_capacity(length);
        let starts = texts.map(|text| {
            let start = bytes.len();
            bytes.extend_from_slice(text?.as_bytes());
            bytes.push(0);
            Some(start)
        });
        Self { bytes: bytes.into(), starts }
    }

    /// For C to read while the object lives; NULL where there is none.
    pub(crate) fn as_ptr(&self, number: usize) -> *const c_char {
        self.starts[number].map_or(ptr::null(), |start| self.bytes[start..].as_ptr().cast())
    }
}

pub(crate) fn invalid(name: &str, what: &str) -> Error {
    bindings::error(ErrorKind::InvalidArgument, format!("{name} {what}"))
}

pub(crate) fn is_null(name: &str) -> Error {
    invalid(name, "must not be NULL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Sized {
        struct_size: usize,
        first: usize,
        later: usize,
    }
    // SAFETY: repr(C), the size first, integers only.
    unsafe impl Extensible for Sized {
        const FIRST_SIZE: usize = 2 * size_of::<usize>();
    }

    fn read(words: &[usize]) -> Result<Option<Sized>, Error> {
        read_struct("sized", Struct(words.as_ptr().cast(), PhantomData))
    }

    #[test]
    fn a_struct_of_an_older_caller_is_completed_with_zero() {
        const WORD: usize = size_of::<usize>();
        let value = read(&[2 * WORD, 5, 7]).unwrap().unwrap();
        assert_eq!((value.struct_size, value.first, value.later), (2 * WORD, 5, 0));
    }

    #[test]
    fn a_struct_of_a_newer_caller_must_be_zero_where_it_is_new() {
        const WORD: usize = size_of::<usize>();
        assert_eq!(read(&[4 * WORD, 5, 7, 0]).unwrap().unwrap().later, 7);
        assert!(read(&[4 * WORD, 5, 7, 1]).is_err());
    }

    #[test]
    fn a_size_that_no_version_has_is_refused() {
        for size in [0, 1, size_of::<usize>(), LARGEST + 1, usize::MAX] {
            assert!(read(&[size, 5, 7]).is_err(), "{size}");
        }
    }

    #[test]
    fn text_is_checked_for_null_and_utf_8() {
        let text = |bytes: &'static CStr| Text(bytes.as_ptr(), PhantomData);
        assert_eq!(text(c"a").required("x").unwrap(), "a");
        assert_eq!(text(c"").optional("x").unwrap(), None);
        assert_eq!(text(c"").required("x").unwrap(), "");
        assert!(text(c"\xff").optional("x").is_err());
        assert!(Text(ptr::null(), PhantomData).required("x").is_err());
        assert_eq!(Text(ptr::null(), PhantomData).optional("x").unwrap(), None);
        assert_eq!(Text(ptr::null(), PhantomData).lossy(), "");
        assert_eq!(text(c"a\xff").lossy(), "a\u{fffd}");
    }

    #[test]
    fn bytes_are_checked_for_null_and_length() {
        let bytes = Bytes([1, 2, 3].as_ptr(), PhantomData);
        assert_eq!(bytes.slice("x", 2).unwrap(), [1, 2]);
        assert!(bytes.slice("x", usize::MAX).is_err());
        let null = Bytes(ptr::null(), PhantomData);
        assert!(null.slice("x", 0).unwrap().is_empty());
        assert!(null.slice("x", 1).is_err());
    }
}
