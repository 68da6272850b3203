//! The strings of an object that C reads.

use std::ffi::c_char;
use std::marker::PhantomData;
use std::ptr;

/// A variant of an enum that [`string_fields!`] declares.
pub(crate) trait StringField: Copy {
    fn index(self) -> usize;
}

/// Declares an enum that names the strings of an object, and lists its variants as `ALL`.
macro_rules! string_fields {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        #[derive(Clone, Copy)]
        enum $name {
            $($field),+
        }

        impl $name {
            /// In declaration order, so that the position is the discriminant.
            const ALL: [Self; [$(stringify!($field)),+].len()] = [$(Self::$field),+];
        }

        impl $crate::strings::StringField for $name {
            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

pub(crate) use string_fields;

/// NUL-terminated strings in one allocation: each call creates all of them, and few are read.
pub(crate) struct CStringTable<F, const COUNT: usize> {
    /// The strings one after the other, each with its NUL.
    bytes: Box<[u8]>,
    starts: [Option<usize>; COUNT],
    fields: PhantomData<F>,
}

impl<F: StringField, const COUNT: usize> CStringTable<F, COUNT> {
    /// Copies the string of each field; `fields` is the enum's `ALL`. The core returns no string
    /// that contains NUL; C would read such a string up to the NUL.
    pub(crate) fn new<'a>(fields: [F; COUNT], string: impl Fn(F) -> Option<&'a str>) -> Self {
        let strings = fields.map(string);
        let length = strings.iter().flatten().map(|string| string.len() + 1).sum();
        let mut bytes = Vec::with_capacity(length);
        let starts = strings.map(|string| {
            let start = bytes.len();
            bytes.extend_from_slice(string?.as_bytes());
            bytes.push(0);
            Some(start)
        });
        Self { bytes: bytes.into(), starts, fields: PhantomData }
    }

    /// The string of a field: valid while the object lives; NULL if there is none.
    pub(crate) fn as_ptr(&self, field: F) -> *const c_char {
        let start = self.starts[field.index()];
        start.map_or(ptr::null(), |start| self.bytes[start..].as_ptr().cast())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ptr::read_c_string;

    string_fields!(Field { First, Missing, Empty, Last });

    #[test]
    fn each_field_has_its_own_string() {
        let strings = CStringTable::new(Field::ALL, |field| match field {
            Field::Last => Some("last"),
            Field::Empty => Some(""),
            Field::Missing => None,
            Field::First => Some("first"),
        });
        let read = |field: Field| read_c_string(strings.as_ptr(field));
        assert_eq!(read(Field::First), Some("first"));
        assert_eq!(read(Field::Missing), None);
        assert_eq!(read(Field::Empty), Some(""));
        assert_eq!(read(Field::Last), Some("last"));
    }
}
