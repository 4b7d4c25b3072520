//! Languages that requests and settings may name (http-api.md 11). Both ISO 639 forms are read;
//! the 639-3 form is written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Expands the table into [`Locale`].
macro_rules! locales {
    ($($variant:ident = $long:literal $(, $short:literal)?;)*) => {
        /// A language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, deserr::Deserr)]
        #[serde(try_from = "String", into = "&'static str")]
        #[deserr(try_from(String) = Locale::try_from -> UnknownLocale)]
        pub enum Locale {
            $(#[doc = concat!("`", $long, "`.")] $variant,)*
        }

        impl Locale {
            /// Every language.
            pub const ALL: &'static [Locale] = &[$(Locale::$variant,)*];

            /// The ISO 639-3 code.
            pub fn code(self) -> &'static str {
                match self { $(Locale::$variant => $long,)* }
            }
        }

        impl FromStr for Locale {
            type Err = UnknownLocale;

            fn from_str(code: &str) -> Result<Self, Self::Err> {
                match code {
                    $($long $(| $short)? => Ok(Locale::$variant),)*
                    _ => Err(UnknownLocale(code.to_owned())),
                }
            }
        }
    };
}

locales! {
    Afr = "afr", "af";
    Aka = "aka", "ak";
    Amh = "amh", "am";
    Ara = "ara", "ar";
    Aze = "aze", "az";
    Bel = "bel", "be";
    Bul = "bul", "bg";
    Ben = "ben", "bn";
    Cat = "cat", "ca";
    Ces = "ces", "cs";
    Dan = "dan", "da";
    Deu = "deu", "de";
    Ell = "ell", "el";
    Eng = "eng", "en";
    Epo = "epo", "eo";
    Spa = "spa", "es";
    Est = "est", "et";
    Pes = "pes", "fa";
    Fin = "fin", "fi";
    Fra = "fra", "fr";
    Guj = "guj", "gu";
    Heb = "heb", "he";
    Hin = "hin", "hi";
    Hrv = "hrv", "hr";
    Hun = "hun", "hu";
    Hye = "hye", "hy";
    Ind = "ind", "id";
    Ita = "ita", "it";
    Jpn = "jpn", "ja";
    Jav = "jav", "jv";
    Kat = "kat", "ka";
    Khm = "khm", "km";
    Kan = "kan", "kn";
    Kor = "kor", "ko";
    Lat = "lat", "la";
    Lit = "lit", "lt";
    Lav = "lav", "lv";
    Mkd = "mkd", "mk";
    Mal = "mal", "ml";
    Mar = "mar", "mr";
    Mya = "mya", "my";
    Nob = "nob", "nb";
    Nep = "nep", "ne";
    Nld = "nld", "nl";
    Ori = "ori", "or";
    Pan = "pan", "pa";
    Pol = "pol", "pl";
    Por = "por", "pt";
    Ron = "ron", "ro";
    Rus = "rus", "ru";
    Sin = "sin", "si";
    Slk = "slk", "sk";
    Slv = "slv", "sl";
    Sna = "sna", "sn";
    Srp = "srp", "sr";
    Swe = "swe", "sv";
    Tam = "tam", "ta";
    Tel = "tel", "te";
    Tha = "tha", "th";
    Tuk = "tuk", "tk";
    Tgl = "tgl", "tl";
    Tur = "tur", "tr";
    Ukr = "ukr", "uk";
    Urd = "urd", "ur";
    Uzb = "uzb", "uz";
    Vie = "vie", "vi";
    Yid = "yid", "yi";
    Zho = "zho", "zh";
    Zul = "zul", "zu";
    Cmn = "cmn";
}

/// A code that names no known language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLocale(String);

impl std::error::Error for UnknownLocale {}

impl fmt::Display for UnknownLocale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes: Vec<_> = Locale::ALL.iter().map(|locale| locale.code()).collect();
        write!(
            f,
            "`{}` is not a known language: use an ISO 639-1 code, or one of the ISO 639-3 codes {}.",
            self.0,
            codes.join(", ")
        )
    }
}

impl TryFrom<String> for Locale {
    type Error = UnknownLocale;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        code.parse()
    }
}

impl From<Locale> for &'static str {
    fn from(locale: Locale) -> Self {
        locale.code()
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_the_long_one_is_written() {
        for (code, long) in
            [("en", "eng"), ("jpn", "jpn"), ("fa", "pes"), ("zh", "zho"), ("cmn", "cmn")]
        {
            assert_eq!(code.parse::<Locale>().unwrap().code(), long);
        }
        assert_eq!(serde_json::from_str::<Locale>("\"sv\"").unwrap(), Locale::Swe);
        assert_eq!(serde_json::to_string(&Locale::Swe).unwrap(), "\"swe\"");
        for code in ["", "EN", "klingon", "xx"] {
            assert!(code.parse::<Locale>().is_err(), "{code}");
        }
    }
}
