//! Memory for what the gateway sends. Where it is short, a call fails instead of the process.

use std::fmt;
use std::hint::black_box;

use crate::error::{Error, ErrorKind};

/// What reading a body takes beyond the body, as a multiple of its length: the buffer of the JSON
/// parser, the texts of the session, and the copies that a language binding makes of them.
/// `tests/peak_memory.rs` measures it.
const READING: usize = 4;
/// Bodies up to this length are not checked: those of a gateway are far shorter.
const SMALL: usize = 16 * 1024;

/// There is not enough memory for a body.
#[derive(Debug)]
pub(crate) struct OutOfMemory;

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not enough memory (ENOMEM)")
    }
}

impl From<OutOfMemory> for Error {
    fn from(cause: OutOfMemory) -> Self {
        Self::failed(ErrorKind::Internal, cause, false)
    }
}

/// Checks that there is memory to read a body that is in memory already.
///
/// The JSON parser, like most of Rust, aborts the process if an allocation fails. So the whole
/// memory is allocated once before, in the way that can fail, and freed again. This is no
/// guarantee: another thread may take that memory in between.
pub(crate) fn check(length: usize) -> Result<(), OutOfMemory> {
    if length > SMALL { allocate(READING * length) } else { Ok(()) }
}

/// Checks that there is memory to receive and read a body of this length.
pub(crate) fn check_for_body(length: usize) -> Result<(), OutOfMemory> {
    if length > SMALL { allocate((1 + READING) * length) } else { Ok(()) }
}

fn allocate(length: usize) -> Result<(), OutOfMemory> {
    let mut memory = Vec::<u8>::new();
    memory.try_reserve_exact(length).map_err(|_| OutOfMemory)?;
    // Else the compiler would remove the allocation.
    black_box(memory);
    Ok(())
}
