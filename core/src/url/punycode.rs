//! The ASCII form of an internationalised host name (`xn--...`), for the message that refuses it.
//!
//! Only for names of plain letters, which need none of Unicode's tables to be mapped. For any other
//! name there is no form rather than a wrong one. A test compares it with the crate `url`.

/// The ASCII form of a host name, if all its letters are plain.
pub(super) fn ascii_form(host: &str) -> Option<String> {
    let labels: Option<Vec<_>> = host.split('.').map(ascii_label).collect();
    Some(labels?.join("."))
}

/// The longest part of a name between dots, in its ASCII form.
const MAX_LENGTH: usize = 63;

fn ascii_label(label: &str) -> Option<String> {
    let letters: Option<Vec<char>> = label.chars().map(plain).collect();
    let letters = letters?;
    // Hyphens at these places are reserved or not allowed in a name that is not ASCII.
    let is_invalid = !(1..=MAX_LENGTH).contains(&letters.len())
        || label.starts_with('-')
        || label.ends_with('-')
        || letters.get(2..4) == Some(&['-', '-']);
    if is_invalid {
        return None;
    }
    if letters.iter().all(char::is_ascii) {
        return Some(letters.into_iter().collect());
    }
    Some(format!("xn--{}", encode(&letters)?)).filter(|label| label.len() <= MAX_LENGTH)
}

/// A letter, digit or hyphen in lower case, if its form in a host name is known without tables.
fn plain(c: char) -> Option<char> {
    let c = lower_case(c);
    let is_plain = match c {
        'a'..='z' | '0'..='9' | '-' => true,
        // Latin, without the letters that are mapped to others.
        '\u{e0}'..='\u{f6}' | '\u{f8}'..='\u{ff}' => true,
        '\u{101}'..='\u{137}' => c != '\u{133}' && u32::from(c) % 2 == 1,
        '\u{13a}'..='\u{148}' => c != '\u{140}' && u32::from(c) % 2 == 0,
        '\u{14b}'..='\u{177}' => u32::from(c) % 2 == 1,
        '\u{17a}' | '\u{17c}' | '\u{17e}' => true,
        // Greek, without the final sigma.
        '\u{3ac}'..='\u{3ce}' => c != '\u{3c2}',
        // Cyrillic.
        '\u{430}'..='\u{45f}' => true,
        // Japanese, Chinese and Korean.
        '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}' => true,
        '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => true,
        _ => false,
    };
    is_plain.then_some(c)
}

/// Without `char::to_lowercase`, whose tables are larger than all of this file.
fn lower_case(c: char) -> char {
    let distance = match c {
        'A'..='Z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{de}' => 0x20,
        '\u{391}'..='\u{3a9}' | '\u{410}'..='\u{42f}' => 0x20,
        '\u{400}'..='\u{40f}' => 0x50,
        _ => 0,
    };
    char::from_u32(u32::from(c) + distance).unwrap_or(c)
}

/// Punycode, RFC 3492.
fn encode(label: &[char]) -> Option<String> {
    const BASE: u32 = 36;
    const T_MIN: u32 = 1;
    const T_MAX: u32 = 26;
    let mut output: String = label.iter().filter(|c| c.is_ascii()).collect();
    let mut handled = u32::try_from(output.len()).ok()?;
    let (mut next, mut delta, mut bias, mut is_first) = (0x80, 0u32, 72, true);
    if !output.is_empty() {
        output.push('-');
    }
    while handled < u32::try_from(label.len()).ok()? {
        let code = label.iter().map(|c| u32::from(*c)).filter(|code| *code >= next).min()?;
        delta = delta.checked_add((code - next).checked_mul(handled + 1)?)?;
        next = code;
        for c in label {
            if u32::from(*c) < next {
                delta += 1;
            }
            if u32::from(*c) != next {
                continue;
            }
            let (mut rest, mut k) = (delta, BASE);
            loop {
                let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
                if rest < threshold {
                    break;
                }
                output.push(digit(threshold + (rest - threshold) % (BASE - threshold))?);
                rest = (rest - threshold) / (BASE - threshold);
                k += BASE;
            }
            output.push(digit(rest)?);
            handled += 1;
            delta /= if is_first { 700 } else { 2 };
            delta += delta / handled;
            is_first = false;
            let mut steps = 0;
            while delta > (BASE - T_MIN) * T_MAX / 2 {
                delta /= BASE - T_MIN;
                steps += BASE;
            }
            bias = steps + (BASE - T_MIN + 1) * delta / (delta + 38);
            delta = 0;
        }
        delta += 1;
        next += 1;
    }
    Some(output)
}

/// `a` to `z`, then `0` to `9`.
fn digit(value: u32) -> Option<char> {
    match value {
        0..26 => char::from_u32(u32::from('a') + value),
        _ => char::from_digit(value - 26, 10),
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn browser_form(host: &str) -> Option<String> {
        Some(Url::parse(&format!("https://{host}/")).ok()?.host_str()?.to_owned())
    }

    #[test]
    fn a_name_of_plain_letters_has_the_form_of_browsers() {
        for host in [
            "müller.example",
            "MÜLLER.Example",
            "räksmörgås.josefsson.org",
            "köln-1.de",
            "пример.испытание",
            "παράδειγμα.example",
            "例え.テスト",
            "한국.kr",
            "bücher-åäö-œ.example",
        ] {
            assert_eq!(ascii_form(host), browser_form(host), "{host}");
            assert!(ascii_form(host).unwrap().contains("xn--"), "{host}");
        }
    }

    #[test]
    fn other_names_have_no_form() {
        for host in [
            "straße.example",
            "νόμος.example",
            "مثال.example",
            "उदाहरण.example",
            "a\u{301}.example",
            "\u{ff4d}\u{fc}.example",
            "m\u{fc}ller..example",
            "-\u{fc}.example",
            "a\u{200d}\u{fc}",
            "\u{fc}\u{3002}example",
            "ab--\u{fc}.example",
            "\u{130}.example",
            "\u{1f600}.example",
        ] {
            assert_eq!(ascii_form(host), None, "{host}");
        }
        assert_eq!(ascii_form(&"\u{fc}".repeat(64)), None);
        // It is not encoded at all, which would take long.
        assert_eq!(ascii_form(&('\u{4e00}'..='\u{9fff}').collect::<String>()), None);
    }

    #[test]
    fn every_plain_letter_is_what_a_browser_makes_of_it() {
        for c in '\0'..=char::MAX {
            for host in [format!("a{c}b.example"), format!("{c}{c}{c}.example")] {
                if let Some(form) = ascii_form(&host).filter(|_| !c.is_ascii()) {
                    assert_eq!(Some(form), browser_form(&host), "U+{:04X}", u32::from(c));
                }
            }
        }
    }
}
