//! What the hosted pages say, in each language they speak.

/// The texts of the pages and of the SMS. `{}` stands for a number or a code.
pub(crate) struct Words {
    /// For the `lang` attribute.
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
    pub(crate) too_late: &'static str,
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
    pub(crate) go_on: &'static str,
    pub(crate) go_back: &'static str,
    pub(crate) not_found_title: &'static str,
    pub(crate) not_found: &'static str,
}

impl Words {
    /// The language for a session's locale; English for words that name none.
    pub(crate) fn of(locale: &str) -> &'static Self {
        match locale.to_ascii_lowercase().as_str() {
            "se" | "sv" => &SWEDISH,
            "de" => &GERMAN,
            "da" | "dk" => &DANISH,
            _ => &ENGLISH,
        }
    }
}

pub(crate) static ENGLISH: Words = Words {
    lang: "en",
    sms: "{} is your verification code. (ZignSec sandbox)",
    sandbox_note: "Sandbox: no SMS leaves this computer",
    title: "Confirm your phone number",
    send_intro: "We will send a code of five digits by SMS to",
    send: "Send code",
    code_title: "Enter your code",
    code_intro: "We sent a code of five digits to",
    code_label: "Code",
    verify: "Verify",
    send_new: "Send a new code",
    cancel: "Cancel",
    malformed: "A code has five digits. Please check what you typed.",
    too_late: "That code is too old. Have a new one sent.",
    wrong_title: "That code was wrong",
    wrong: "It can no longer be used. Have a new code sent to",
    attempts_left: "Attempts left: {}",
    accepted_title: "Your number is confirmed",
    accepted: "You can go back to where you came from.",
    failed_title: "Your number was not confirmed",
    failed: "Too many wrong codes were entered.",
    cancelled_title: "You have cancelled",
    cancelled: "Your number was not confirmed.",
    timeout_title: "Time is up",
    timeout: "This page waited too long for a code. Your number was not confirmed.",
    go_on: "Continue",
    go_back: "Go back",
    not_found_title: "There is no such session",
    not_found: "The link may be old or cut short. Go back to where you came from and start again.",
};

static SWEDISH: Words = Words {
    lang: "sv",
    sms: "{} är din verifieringskod. (ZignSec-sandlåda)",
    sandbox_note: "Sandlåda: inget SMS lämnar den här datorn",
    title: "Bekräfta ditt telefonnummer",
    send_intro: "Vi skickar en femsiffrig kod med SMS till",
    send: "Skicka kod",
    code_title: "Ange din kod",
    code_intro: "Vi har skickat en femsiffrig kod till",
    code_label: "Kod",
    verify: "Bekräfta",
    send_new: "Skicka en ny kod",
    cancel: "Avbryt",
    malformed: "En kod har fem siffror. Kontrollera vad du skrev.",
    too_late: "Koden är för gammal. Be om en ny.",
    wrong_title: "Koden var fel",
    wrong: "Den går inte att använda längre. Skicka en ny kod till",
    attempts_left: "Försök kvar: {}",
    accepted_title: "Ditt nummer är bekräftat",
    accepted: "Du kan gå tillbaka dit du kom ifrån.",
    failed_title: "Ditt nummer kunde inte bekräftas",
    failed: "För många felaktiga koder angavs.",
    cancelled_title: "Du har avbrutit",
    cancelled: "Ditt nummer bekräftades inte.",
    timeout_title: "Tiden är ute",
    timeout: "Sidan väntade för länge på en kod. Ditt nummer bekräftades inte.",
    go_on: "Fortsätt",
    go_back: "Gå tillbaka",
    not_found_title: "Sessionen finns inte",
    not_found: "Länken kan vara gammal eller avkortad. Gå tillbaka dit du kom ifrån och börja om.",
};

static GERMAN: Words = Words {
    lang: "de",
    sms: "{} ist Ihr Bestätigungscode. (ZignSec-Sandbox)",
    sandbox_note: "Sandbox: Keine SMS verlässt diesen Rechner",
    title: "Telefonnummer bestätigen",
    send_intro: "Wir senden einen fünfstelligen Code per SMS an",
    send: "Code senden",
    code_title: "Code eingeben",
    code_intro: "Wir haben einen fünfstelligen Code gesendet an",
    code_label: "Code",
    verify: "Bestätigen",
    send_new: "Neuen Code senden",
    cancel: "Abbrechen",
    malformed: "Ein Code hat fünf Ziffern. Bitte prüfen Sie Ihre Eingabe.",
    too_late: "Dieser Code ist zu alt. Fordern Sie einen neuen an.",
    wrong_title: "Der Code war falsch",
    wrong: "Er kann nicht mehr verwendet werden. Senden Sie einen neuen Code an",
    attempts_left: "Verbleibende Versuche: {}",
    accepted_title: "Ihre Nummer ist bestätigt",
    accepted: "Sie können dorthin zurückkehren, woher Sie kamen.",
    failed_title: "Ihre Nummer wurde nicht bestätigt",
    failed: "Es wurden zu viele falsche Codes eingegeben.",
    cancelled_title: "Sie haben abgebrochen",
    cancelled: "Ihre Nummer wurde nicht bestätigt.",
    timeout_title: "Die Zeit ist abgelaufen",
    timeout: "Diese Seite hat zu lange auf einen Code gewartet. Ihre Nummer wurde nicht bestätigt.",
    go_on: "Weiter",
    go_back: "Zurück",
    not_found_title: "Diese Sitzung gibt es nicht",
    not_found: "Der Link ist vielleicht alt oder unvollständig. Gehen Sie zurück und beginnen Sie von vorn.",
};

static DANISH: Words = Words {
    lang: "da",
    sms: "{} er din bekræftelseskode. (ZignSec-sandkasse)",
    sandbox_note: "Sandkasse: ingen SMS forlader denne computer",
    title: "Bekræft dit telefonnummer",
    send_intro: "Vi sender en femcifret kode med SMS til",
    send: "Send kode",
    code_title: "Indtast din kode",
    code_intro: "Vi har sendt en femcifret kode til",
    code_label: "Kode",
    verify: "Bekræft",
    send_new: "Send en ny kode",
    cancel: "Annuller",
    malformed: "En kode har fem cifre. Kontrollér, hvad du skrev.",
    too_late: "Koden er for gammel. Bed om en ny.",
    wrong_title: "Koden var forkert",
    wrong: "Den kan ikke bruges længere. Send en ny kode til",
    attempts_left: "Forsøg tilbage: {}",
    accepted_title: "Dit nummer er bekræftet",
    accepted: "Du kan gå tilbage til, hvor du kom fra.",
    failed_title: "Dit nummer blev ikke bekræftet",
    failed: "Der blev indtastet for mange forkerte koder.",
    cancelled_title: "Du har annulleret",
    cancelled: "Dit nummer blev ikke bekræftet.",
    timeout_title: "Tiden er gået",
    timeout: "Siden ventede for længe på en kode. Dit nummer blev ikke bekræftet.",
    go_on: "Fortsæt",
    go_back: "Gå tilbage",
    not_found_title: "Sessionen findes ikke",
    not_found: "Linket kan være gammelt eller afkortet. Gå tilbage til, hvor du kom fra, og begynd forfra.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_name_languages_in_any_case_and_others_are_english() {
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
            assert_eq!(Words::of(locale).lang, lang, "{locale:?}");
        }
    }
}
