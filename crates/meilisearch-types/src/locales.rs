//! Languages that requests and settings may name (http-api.md 11), in either ISO 639 form. Tasks
//! keep the form that was given; answers about an index use the 639-3 form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Expands the table into [`Locale`]: ISO 639-3 form, then the 639-1 form if there is one.
macro_rules! locales {
    ($($long_variant:ident = $long:literal $(, $short_variant:ident = $short:literal)?;)*) => {
        /// The code of a language. The two forms of one language are different values; compare
        /// [`Locale::code`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, deserr::Deserr)]
        #[serde(try_from = "String", into = "&'static str")]
        #[deserr(try_from(String) = Locale::try_from -> UnknownLocale)]
        pub enum Locale {
            $(
                #[doc = concat!("`", $long, "`.")] $long_variant,
                $(#[doc = concat!("`", $short, "`.")] $short_variant,)?
            )*
        }

        impl Locale {
            /// Every code.
            pub(crate) const ALL: &'static [Locale] =
                &[$(Locale::$long_variant, $(Locale::$short_variant,)?)*];

            /// The ISO 639-3 form of every language.
            const CODES: &'static [&'static str] = &[$($long,)*];

            /// The code in its ISO 639-3 form.
            pub fn code(self) -> &'static str {
                match self { $(Locale::$long_variant $(| Locale::$short_variant)? => $long,)* }
            }

            /// The code in the form that was given.
            pub fn as_given(self) -> &'static str {
                match self {
                    $(
                        Locale::$long_variant => $long,
                        $(Locale::$short_variant => $short,)?
                    )*
                }
            }
        }

        impl FromStr for Locale {
            type Err = UnknownLocale;

            fn from_str(code: &str) -> Result<Self, Self::Err> {
                match code {
                    $(
                        $long => Ok(Locale::$long_variant),
                        $($short => Ok(Locale::$short_variant),)?
                    )*
                    _ => Err(UnknownLocale(code.to_owned())),
                }
            }
        }
    };
}

locales! {
    Afr = "afr", Af = "af";
    Aka = "aka", Ak = "ak";
    Amh = "amh", Am = "am";
    Ara = "ara", Ar = "ar";
    Aze = "aze", Az = "az";
    Bel = "bel", Be = "be";
    Bul = "bul", Bg = "bg";
    Ben = "ben", Bn = "bn";
    Cat = "cat", Ca = "ca";
    Ces = "ces", Cs = "cs";
    Dan = "dan", Da = "da";
    Deu = "deu", De = "de";
    Ell = "ell", El = "el";
    Eng = "eng", En = "en";
    Epo = "epo", Eo = "eo";
    Spa = "spa", Es = "es";
    Est = "est", Et = "et";
    Pes = "pes", Fa = "fa";
    Fin = "fin", Fi = "fi";
    Fra = "fra", Fr = "fr";
    Guj = "guj", Gu = "gu";
    Heb = "heb", He = "he";
    Hin = "hin", Hi = "hi";
    Hrv = "hrv", Hr = "hr";
    Hun = "hun", Hu = "hu";
    Hye = "hye", Hy = "hy";
    Ind = "ind", Id = "id";
    Ita = "ita", It = "it";
    Jpn = "jpn", Ja = "ja";
    Jav = "jav", Jv = "jv";
    Kat = "kat", Ka = "ka";
    Khm = "khm", Km = "km";
    Kan = "kan", Kn = "kn";
    Kor = "kor", Ko = "ko";
    Lat = "lat", La = "la";
    Lit = "lit", Lt = "lt";
    Lav = "lav", Lv = "lv";
    Mkd = "mkd", Mk = "mk";
    Mal = "mal", Ml = "ml";
    Mar = "mar", Mr = "mr";
    Mya = "mya", My = "my";
    Nob = "nob", Nb = "nb";
    Nep = "nep", Ne = "ne";
    Nld = "nld", Nl = "nl";
    Ori = "ori", Or = "or";
    Pan = "pan", Pa = "pa";
    Pol = "pol", Pl = "pl";
    Por = "por", Pt = "pt";
    Ron = "ron", Ro = "ro";
    Rus = "rus", Ru = "ru";
    Sin = "sin", Si = "si";
    Slk = "slk", Sk = "sk";
    Slv = "slv", Sl = "sl";
    Sna = "sna", Sn = "sn";
    Srp = "srp", Sr = "sr";
    Swe = "swe", Sv = "sv";
    Tam = "tam", Ta = "ta";
    Tel = "tel", Te = "te";
    Tha = "tha", Th = "th";
    Tuk = "tuk", Tk = "tk";
    Tgl = "tgl", Tl = "tl";
    Tur = "tur", Tr = "tr";
    Ukr = "ukr", Uk = "uk";
    Urd = "urd", Ur = "ur";
    Uzb = "uzb", Uz = "uz";
    Vie = "vie", Vi = "vi";
    Yid = "yid", Yi = "yi";
    Zho = "zho", Zh = "zh";
    Zul = "zul", Zu = "zu";
    Cmn = "cmn";
}

/// A code that names no known language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLocale(String);

impl std::error::Error for UnknownLocale {}

impl fmt::Display for UnknownLocale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a known language: use an ISO 639-1 code, or one of the ISO 639-3 codes {}.",
            self.0,
            Locale::CODES.join(", ")
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
        locale.as_given()
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_given())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_kept() {
        for (code, long) in
            [("en", "eng"), ("jpn", "jpn"), ("fa", "pes"), ("zh", "zho"), ("cmn", "cmn")]
        {
            let locale: Locale = code.parse().unwrap();
            assert_eq!((locale.code(), locale.as_given()), (long, code));
        }
        assert_eq!(serde_json::from_str::<Locale>("\"sv\"").unwrap(), Locale::Sv);
        assert_eq!(serde_json::to_string(&Locale::Sv).unwrap(), "\"sv\"");
        assert_eq!(Locale::CODES.len(), 70);
        for code in ["", "EN", "klingon", "xx"] {
            assert!(code.parse::<Locale>().is_err(), "{code}");
        }
    }
}
