//! Characters that are not seen, or that change how others are seen.

/// The characters of the Unicode categories Cc, Cf, Zl and Zp, and those with the property
/// `Default_Ignorable_Code_Point`. A test compares the ranges with the tables of another crate.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_are_those_of_unicode() {
        let class = r"\A[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]\z";
        let expected = regex::Regex::new(class).unwrap();
        for c in '\0'..=char::MAX {
            let is_expected = expected.is_match(c.encode_utf8(&mut [0; 4]));
            assert_eq!(is_invisible(c), is_expected, "U+{:04X}", u32::from(c));
        }
    }
}
