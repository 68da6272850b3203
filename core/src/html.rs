//! HTML pages, which proxies, portals and firewalls send in place of the gateway.

use crate::redact;
use crate::transport::Response;

/// How a message calls such a page. The command line looks for these words.
const PAGE: &str = "an HTML page, from a proxy, a portal or a firewall";
/// How much of a body is searched for a tag or a title.
const MAX_SEARCHED: usize = 4 * 1024;
/// The longest title in a message.
const MAX_TITLE: usize = 40;

/// Describes the body of a response, with its title, if it is an HTML page.
pub(crate) fn describe(response: &Response, secrets: &[&str]) -> Option<String> {
    let start = &response.body[..response.body.len().min(MAX_SEARCHED)];
    let start = String::from_utf8_lossy(start);
    if !is_html(&start, response.declares_html) {
        return None;
    }
    Some(match title(&start, secrets) {
        Some(title) => format!("{PAGE}: \"{title}\""),
        None => PAGE.to_owned(),
    })
}

/// Whether a body starts like HTML. Servers commonly declare other text as HTML too, so a page has
/// at least one tag.
fn is_html(start: &str, declares_html: bool) -> bool {
    let start = start.trim_start_matches(|c: char| c == '\u{feff}' || c.is_ascii_whitespace());
    match start.bytes().next() {
        Some(b'<') => !has_prefix(start, "<?xml") || find(start, "<html").is_some(),
        Some(b'{' | b'[') | None => false,
        Some(_) => declares_html && start.contains('<'),
    }
}

/// The title, redacted and in one line. `None` if it is empty or does not end in `start`.
fn title(start: &str, secrets: &[&str]) -> Option<String> {
    let (_, title) = start[find(start, "<title")?..].split_once('>')?;
    let title = &title[..find(title, "</title")?];
    // Shortened last: half a key or half a number would not be recognised and redacted.
    let title = redact::text(title, secrets);
    let mut title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    if title.len() > MAX_TITLE {
        title.truncate(title.floor_char_boundary(MAX_TITLE - 3));
        title += "...";
    }
    (!title.is_empty()).then_some(title)
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.as_bytes()
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// The position of an ASCII text, whatever its case.
fn find(text: &str, wanted: &str) -> Option<usize> {
    let windows = &mut text.as_bytes().windows(wanted.len());
    windows.position(|window| window.eq_ignore_ascii_case(wanted.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(body: &str, declares_html: bool) -> Option<String> {
        let response = Response { body: body.into(), declares_html, ..Response::default() };
        describe(&response, &["averylongsecretapikey"])
    }

    #[test]
    fn a_page_is_recognised_by_its_first_tag_or_its_content_type() {
        for (body, declared, undeclared) in [
            ("<!DOCTYPE html>", true, true),
            ("\u{feff} \r\n<HTML lang=en>", true, true),
            ("<script>location='/login'</script>", true, true),
            ("<?xml version='1.0'?><html>", true, true),
            ("<?XML version='1.0'?><Envelope>", false, false),
            ("Blocked.<br>", true, false),
            ("Forbidden", false, false),
            (r#"{"description":"<html>"}"#, false, false),
            ("", false, false),
        ] {
            assert_eq!(described(body, true).is_some(), declared, "{body}");
            assert_eq!(described(body, false).is_some(), undeclared, "{body}");
        }
    }

    #[test]
    fn the_title_is_redacted_and_shortened() {
        for (page, expected) in [
            ("<html><title>\n Sign in\r\n to the network </title>", "Sign in to the network"),
            ("<TITLE lang=sv>Logga in på nätet</TITLE>", "Logga in på nätet"),
            ("<title>averylongsecretapikey</title>", "[key]"),
            ("<title>call +46701740605</title>", "call +46*****605"),
        ] {
            assert_eq!(described(page, false), Some(format!("{PAGE}: \"{expected}\"")), "{page}");
        }
        for page in ["<title></title>", "<title> </title>", "<title>Sign in", "<title", "<html>"] {
            assert_eq!(described(page, false).as_deref(), Some(PAGE), "{page}");
        }
        let long = described(&format!("<title>{}</title>", "é".repeat(300)), false).unwrap();
        assert!(long.len() <= PAGE.len() + 4 + MAX_TITLE && long.ends_with("é...\""), "{long}");
        let cut = format!("<title>{}averylongsecretapikey</title>", " ".repeat(MAX_SEARCHED - 17));
        assert_eq!(described(&cut, false).as_deref(), Some(PAGE));
    }
}
