//! The texts of the hosted pages and the SMS, in each language.

/// The texts in one language. `{}` is a placeholder for a number or a code.
pub(crate) struct Messages {
    /// The value of the `lang` attribute.
    pub(crate) lang: &'static str,
    pub(crate) sms: &'static str,
    pub(crate) sandbox_note: &'static str,
    pub(crate) title: &'static str,
    pub(crate) send_intro: &'static str,
    pub(crate) send: &'static str,
    pub(crate) code_title: &'static str,
    pub(crate) code_intro: &'static str,
    pub(crate) code_label: &'static str,
    pub(crate) verify: &'static str,
    pub(crate) send_new: &'static str,
    pub(crate) cancel: &'static str,
    pub(crate) malformed: &'static str,
    pub(crate) code_expired: &'static str,
    pub(crate) wrong_title: &'static str,
    pub(crate) wrong: &'static str,
    pub(crate) attempts_left: &'static str,
    pub(crate) accepted_title: &'static str,
    pub(crate) accepted: &'static str,
    pub(crate) failed_title: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) cancelled_title: &'static str,
    pub(crate) cancelled: &'static str,
    pub(crate) timeout_title: &'static str,
    pub(crate) timeout: &'static str,
    pub(crate) continue_link: &'static str,
    pub(crate) go_back: &'static str,
    pub(crate) not_found_title: &'static str,
    pub(crate) not_found: &'static str,
}

impl Messages {
    /// The texts for the locale of a session. Unknown locales get English.
    pub(crate) fn for_locale(locale: &str) -> &'static Self {
        match locale.to_ascii_lowercase().as_str() {
            "se" | "sv" => &SWEDISH,
            "de" => &GERMAN,
            "da" | "dk" => &DANISH,
            _ => &ENGLISH,
        }
    }
}

pub(crate) static ENGLISH: Messages = Messages {
    lang: "en",
    sms: "{} is your verification code. (ZignSec sandbox)",
    sandbox_note: "Sandbox: no real SMS is sent",
    title: "Confirm your phone number",
    send_intro: "We will send a 5-digit code by SMS to",
    send: "Send code",
    code_title: "Enter your code",
    code_intro: "We sent a 5-digit code to",
    code_label: "Code",
    verify: "Verify",
    send_new: "Send a new code",
    cancel: "Cancel",
    malformed: "The code must have 5 digits. Please check your entry.",
    code_expired: "This code has expired. Request a new code.",
    wrong_title: "Wrong code",
    wrong: "The code is no longer valid. We can send a new code to",
    attempts_left: "Attempts left: {}",
    accepted_title: "Your number is confirmed",
    accepted: "You can return to the website.",
    failed_title: "Your number was not confirmed",
    failed: "Too many wrong codes.",
    cancelled_title: "You cancelled",
    cancelled: "Your number was not confirmed.",
    timeout_title: "Session expired",
    timeout: "No code was entered in time. Your number was not confirmed.",
    continue_link: "Continue",
    go_back: "Go back",
    not_found_title: "Session not found",
    not_found: "The link may be old or incomplete. Return to the website and start again.",
};

static SWEDISH: Messages = Messages {
    lang: "sv",
    sms: "{} är din verifieringskod. (ZignSec-sandlåda)",
    sandbox_note: "Sandlåda: inget riktigt SMS skickas",
    title: "Bekräfta ditt telefonnummer",
    send_intro: "Vi skickar en femsiffrig kod med SMS till",
    send: "Skicka kod",
    code_title: "Ange din kod",
    code_intro: "Vi har skickat en femsiffrig kod till",
    code_label: "Kod",
    verify: "Bekräfta",
    send_new: "Skicka en ny kod",
    cancel: "Avbryt",
    malformed: "Koden måste ha fem siffror. Kontrollera vad du skrev.",
    code_expired: "Koden har gått ut. Begär en ny kod.",
    wrong_title: "Fel kod",
    wrong: "Koden gäller inte längre. Vi kan skicka en ny kod till",
    attempts_left: "Försök kvar: {}",
    accepted_title: "Ditt nummer är bekräftat",
    accepted: "Du kan återgå till webbplatsen.",
    failed_title: "Ditt nummer kunde inte bekräftas",
    failed: "För många felaktiga koder.",
    cancelled_title: "Du avbröt",
    cancelled: "Ditt nummer bekräftades inte.",
    timeout_title: "Sessionen har gått ut",
    timeout: "Ingen kod angavs i tid. Ditt nummer bekräftades inte.",
    continue_link: "Fortsätt",
    go_back: "Gå tillbaka",
    not_found_title: "Sessionen hittades inte",
    not_found: "Länken kan vara gammal eller ofullständig. \
                Gå tillbaka till webbplatsen och börja om.",
};

static GERMAN: Messages = Messages {
    lang: "de",
    sms: "{} ist Ihr Bestätigungscode. (ZignSec-Sandbox)",
    sandbox_note: "Sandbox: Es wird keine echte SMS gesendet",
    title: "Telefonnummer bestätigen",
    send_intro: "Wir senden einen fünfstelligen Code per SMS an",
    send: "Code senden",
    code_title: "Code eingeben",
    code_intro: "Wir haben einen fünfstelligen Code gesendet an",
    code_label: "Code",
    verify: "Bestätigen",
    send_new: "Neuen Code senden",
    cancel: "Abbrechen",
    malformed: "Der Code muss fünf Ziffern haben. Bitte prüfen Sie Ihre Eingabe.",
    code_expired: "Dieser Code ist abgelaufen. Fordern Sie einen neuen Code an.",
    wrong_title: "Falscher Code",
    wrong: "Der Code ist nicht mehr gültig. Wir können einen neuen Code senden an",
    attempts_left: "Verbleibende Versuche: {}",
    accepted_title: "Ihre Nummer ist bestätigt",
    accepted: "Sie können zur Website zurückkehren.",
    failed_title: "Ihre Nummer wurde nicht bestätigt",
    failed: "Zu viele falsche Codes.",
    cancelled_title: "Sie haben abgebrochen",
    cancelled: "Ihre Nummer wurde nicht bestätigt.",
    timeout_title: "Sitzung abgelaufen",
    timeout: "Es wurde nicht rechtzeitig ein Code eingegeben. Ihre Nummer wurde nicht bestätigt.",
    continue_link: "Weiter",
    go_back: "Zurück",
    not_found_title: "Sitzung nicht gefunden",
    not_found: "Der Link ist möglicherweise alt oder unvollständig. \
                Kehren Sie zur Website zurück und beginnen Sie erneut.",
};

static DANISH: Messages = Messages {
    lang: "da",
    sms: "{} er din bekræftelseskode. (ZignSec-sandkasse)",
    sandbox_note: "Sandkasse: der sendes ingen rigtig SMS",
    title: "Bekræft dit telefonnummer",
    send_intro: "Vi sender en femcifret kode med SMS til",
    send: "Send kode",
    code_title: "Indtast din kode",
    code_intro: "Vi har sendt en femcifret kode til",
    code_label: "Kode",
    verify: "Bekræft",
    send_new: "Send en ny kode",
    cancel: "Annuller",
    malformed: "Koden skal have fem cifre. Kontrollér, hvad du skrev.",
    code_expired: "Koden er udløbet. Anmod om en ny kode.",
    wrong_title: "Forkert kode",
    wrong: "Koden er ikke længere gyldig. Vi kan sende en ny kode til",
    attempts_left: "Forsøg tilbage: {}",
    accepted_title: "Dit nummer er bekræftet",
    accepted: "Du kan vende tilbage til webstedet.",
    failed_title: "Dit nummer blev ikke bekræftet",
    failed: "For mange forkerte koder.",
    cancelled_title: "Du annullerede",
    cancelled: "Dit nummer blev ikke bekræftet.",
    timeout_title: "Sessionen er udløbet",
    timeout: "Der blev ikke indtastet en kode i tide. Dit nummer blev ikke bekræftet.",
    continue_link: "Fortsæt",
    go_back: "Gå tilbage",
    not_found_title: "Sessionen blev ikke fundet",
    not_found: "Linket kan være gammelt eller ufuldstændigt. \
                Gå tilbage til webstedet, og begynd forfra.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_ignore_case_and_unknown_ones_are_english() {
        for (locale, lang) in [
            ("En", "en"),
            ("Se", "sv"),
            ("sv", "sv"),
            ("DE", "de"),
            ("Da", "da"),
            ("dK", "da"),
            ("Gr", "en"),
            ("", "en"),
        ] {
            assert_eq!(Messages::for_locale(locale).lang, lang, "{locale:?}");
        }
    }
}
