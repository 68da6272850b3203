//! The layers of a text: the text itself, and what it says after each decoding.
//!
//! A key, a number or a URL may be written with the escapes of URLs, HTML, JSON or program code,
//! also nested. What is found in a layer is cut out of the source: each character knows its
//! place there.

use super::invisible::is_invisible;

/// How many times a text is decoded. No honest text is nested as deeply.
const MAX_DECODINGS: usize = 8;

/// A character of a layer.
#[derive(Clone, Copy)]
pub(super) struct Char {
    pub(super) c: char,
    /// Its place in the source. Small, because a layer of a whole body is large.
    pub(super) start: u32,
    pub(super) end: u32,
}

/// Calls `visit` with the characters of each layer. Returns false if the last layer still contains
/// escapes.
pub(super) fn for_each_layer(source: &str, mut visit: impl FnMut(&[Char])) -> bool {
    let mut layer = Vec::with_capacity(source.len());
    let mut end = 0;
    for c in source.chars() {
        let start = end;
        end += c.len_utf8() as u32;
        layer.extend(visible(Char { c, start, end }));
    }
    visit(&layer);
    for _ in 0..MAX_DECODINGS {
        let Some(decoded) = decode(&layer) else {
            return true;
        };
        layer = decoded;
        visit(&layer);
    }
    decode(&layer).is_none()
}

/// `None` for an invisible character; a line break or a tab becomes a space.
fn visible(char: Char) -> Option<Char> {
    match is_invisible(char.c) {
        false => Some(char),
        true => char.c.is_whitespace().then_some(Char { c: ' ', ..char }),
    }
}

/// Replaces each escape by its character. `None` if there is no escape.
fn decode(layer: &[Char]) -> Option<Vec<Char>> {
    let mut out: Option<Vec<Char>> = None;
    let mut rest = layer;
    while let [first, ..] = rest {
        let (char, length) = match escape(rest) {
            Some((c, length)) => {
                // Most texts contain no escape and are not copied.
                out.get_or_insert_with(|| {
                    let mut out = Vec::with_capacity(layer.len());
                    out.extend_from_slice(&layer[..layer.len() - rest.len()]);
                    out
                });
                (Char { c, end: rest[length - 1].end, ..*first }, length)
            }
            None => (*first, 1),
        };
        if let Some(out) = &mut out {
            out.extend(visible(char));
        }
        rest = &rest[length..];
    }
    out
}

/// The escape at the start of a text: its character and its length.
pub(super) fn escape(text: &[Char]) -> Option<(char, usize)> {
    match text.first()?.c {
        '%' => percent(text),
        '&' => entity(text),
        '\\' => backslash(text),
        _ => None,
    }
}

/// `%2B`, also several of them as UTF-8, and `%u002B`.
fn percent(text: &[Char]) -> Option<(char, usize)> {
    if matches!(text.get(1)?.c, 'u' | 'U') {
        return Some((number(text.get(2..6)?, 16)?, 6));
    }
    let mut bytes = Vec::new();
    for escape in text.chunks_exact(3).take(4) {
        match digits(&escape[1..], 16) {
            Some(byte) if escape[0].c == '%' => bytes.push(u8::try_from(byte).ok()?),
            _ => break,
        }
    }
    let utf_8 = (1..=bytes.len()).find_map(|count| {
        Some((std::str::from_utf8(&bytes[..count]).ok()?.chars().next()?, count * 3))
    });
    utf_8.or_else(|| Some((char::from(*bytes.first()?), 3)))
}

/// `&plus;`, `&#43;`, `&#x2B;`, with or without the semicolon.
fn entity(text: &[Char]) -> Option<(char, usize)> {
    let (c, length) = if text.get(1)?.c == '#' {
        let is_hex = matches!(text.get(2)?.c, 'x' | 'X');
        let (start, radix) = if is_hex { (3, 16) } else { (2, 10) };
        let end = start + count(&text[start..], |c| c.is_digit(radix));
        (number(&text[start..end], radix)?, end)
    } else {
        named_entity(&text[1..]).map(|(c, length)| (c, 1 + length))?
    };
    let has_semicolon = text.get(length).is_some_and(|next| next.c == ';');
    Some((c, length + usize::from(has_semicolon)))
}

fn named_entity(text: &[Char]) -> Option<(char, usize)> {
    // The visible characters of ASCII, as keys and URLs may contain them.
    const NAMES: [(&str, char); 37] = [
        ("excl", '!'),
        ("quot", '"'),
        ("num", '#'),
        ("dollar", '$'),
        ("percnt", '%'),
        ("amp", '&'),
        ("apos", '\''),
        ("lpar", '('),
        ("rpar", ')'),
        ("ast", '*'),
        ("midast", '*'),
        ("plus", '+'),
        ("comma", ','),
        ("period", '.'),
        ("sol", '/'),
        ("colon", ':'),
        ("semi", ';'),
        ("lt", '<'),
        ("equals", '='),
        ("gt", '>'),
        ("quest", '?'),
        ("commat", '@'),
        ("lsqb", '['),
        ("lbrack", '['),
        ("bsol", '\\'),
        ("rsqb", ']'),
        ("rbrack", ']'),
        ("hat", '^'),
        ("lowbar", '_'),
        ("underbar", '_'),
        ("grave", '`'),
        ("lcub", '{'),
        ("lbrace", '{'),
        ("verbar", '|'),
        ("vert", '|'),
        ("rcub", '}'),
        ("rbrace", '}'),
    ];
    const MAX_LENGTH: usize = 32;
    let known = NAMES.iter().find(|(name, _)| {
        let is_equal = |(char, expected): (&Char, char)| char.c.eq_ignore_ascii_case(&expected);
        text.len() >= name.len() && text.iter().zip(name.chars()).all(is_equal)
    });
    if let Some((name, c)) = known {
        return Some((*c, name.len()));
    }
    // Any other one is a space, a dash or a letter outside ASCII: not part of a key or a number.
    let length = count(text, |c| c.is_ascii_alphanumeric());
    let ends = text.get(length).is_some_and(|next| next.c == ';');
    let is_name = (2..=MAX_LENGTH).contains(&length) && text[0].c.is_ascii_alphabetic();
    (is_name && ends).then_some((char::REPLACEMENT_CHARACTER, length))
}

/// `\u002B`, also as a surrogate pair; `\u{2b}`, `\U0000002B`, `\x2b`, `\53`, `\/`, `\n` and `\\`.
/// JSON within JSON has several backslashes before a code.
fn backslash(text: &[Char]) -> Option<(char, usize)> {
    let slashes = count(text, |c| c == '\\');
    let code = &text[slashes..];
    let (c, length) = match code.first().map_or(' ', |first| first.c) {
        'u' if code.get(1).is_some_and(|next| next.c == '{') => {
            let end = 2 + count(&code[2..], |c| c.is_ascii_hexdigit());
            (code.get(end)?.c == '}').then_some(())?;
            (number(&code[2..end], 16)?, end + 1)
        }
        'u' => utf_16(code, slashes)?,
        'U' => (number(code.get(1..9)?, 16)?, 9),
        'x' => {
            let end = 1 + count(&code[1..], |c| c.is_ascii_hexdigit()).min(2);
            (number(&code[1..end], 16)?, end)
        }
        '0'..='7' => {
            let end = count(code, |c| c.is_digit(8)).min(3);
            (number(&code[..end], 8)?, end)
        }
        c @ ('/' | '"' | '\'') => (c, 1),
        'n' | 'r' | 't' | 'b' | 'f' | 'v' | 'a' | 'e' => (' ', 1),
        _ if slashes > 1 => return Some(('\\', 2)),
        _ => return None,
    };
    Some((c, slashes + length))
}

/// `u002B`, or `ud835\udfd0`: two halves of one character.
fn utf_16(code: &[Char], slashes: usize) -> Option<(char, usize)> {
    let unit = |code: &[Char]| u16::try_from(digits(code.get(1..5)?, 16)?).ok();
    let first = unit(code)?;
    if let Some(c) = char::from_u32(first.into()) {
        return Some((c, 5));
    }
    let second = code.get(5..).filter(|rest| count(rest, |c| c == '\\') == slashes)?;
    let second = second.get(slashes..).filter(|code| code.first().is_some_and(|u| u.c == 'u'))?;
    let c = char::decode_utf16([first, unit(second)?]).next()?.ok()?;
    Some((c, 5 + slashes + 5))
}

fn number(digits_of_it: &[Char], radix: u32) -> Option<char> {
    char::from_u32(digits(digits_of_it, radix)?)
}

fn digits(text: &[Char], radix: u32) -> Option<u32> {
    let add =
        |value: u32, char: &Char| value.checked_mul(radix)?.checked_add(char.c.to_digit(radix)?);
    text.first()?;
    text.iter().try_fold(0, add)
}

/// How many characters at the start of a text are accepted.
pub(super) fn count(text: &[Char], accepts: impl Fn(char) -> bool) -> usize {
    text.iter().take_while(|char| accepts(char.c)).count()
}
