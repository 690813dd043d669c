//! One filter value: literal text, `*` for any run of characters, `?` for one character or none, `\` before a character that is meant.
//!
//! Case counts. Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Literal(char),
    /// `?`
    AtMostOne,
    /// `*`
    Any,
}

/// A compiled filter value.
#[derive(Clone, Debug)]
pub struct Pattern(Form);

#[derive(Clone, Debug)]
enum Form {
    /// No wildcard: nearly every filter that is sent.
    Exact(String),
    Wild(Vec<Step>),
}

impl Pattern {
    pub fn compile(text: &str) -> Self {
        let mut steps = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            steps.push(match character {
                // A backslash at the end stands for itself: there is nothing it could protect.
                '\\' => Step::Literal(characters.next().unwrap_or('\\')),
                '*' => Step::Any,
                '?' => Step::AtMostOne,
                other => Step::Literal(other),
            });
        }
        let literal: Option<String> = steps
            .iter()
            .map(|step| match step {
                Step::Literal(character) => Some(*character),
                Step::AtMostOne | Step::Any => None,
            })
            .collect();
        Self(literal.map_or(Form::Wild(steps), Form::Exact))
    }

    /// The one text that it matches, where it is one.
    pub fn literal(&self) -> Option<&str> {
        match &self.0 {
            Form::Exact(literal) => Some(literal),
            Form::Wild(_) => None,
        }
    }

    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            Form::Exact(literal) => literal == text,
            Form::Wild(steps) => walk(steps, text),
        }
    }
}

/// Follows every way through the pattern at once, so that no pattern costs more than its length times the text's.
fn walk(steps: &[Step], text: &str) -> bool {
    let mut here = vec![false; steps.len() + 1];
    here[0] = true;
    skip(steps, &mut here);
    for character in text.chars() {
        let mut next = vec![false; steps.len() + 1];
        for (at, step) in steps.iter().enumerate().filter(|(at, _)| here[*at]) {
            match step {
                Step::Literal(wanted) => next[at + 1] |= *wanted == character,
                Step::AtMostOne => next[at + 1] = true,
                Step::Any => next[at] = true,
            }
        }
        skip(steps, &mut next);
        here = next;
    }
    here[steps.len()]
}

/// Both wildcards may stand for nothing.
fn skip(steps: &[Step], here: &mut [bool]) {
    for (at, step) in steps.iter().enumerate() {
        if here[at] && !matches!(step, Step::Literal(_)) {
            here[at + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;
    use proptest::prelude::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::compile(pattern).matches(text)
    }

    #[test]
    fn a_star_matches_any_run_and_a_question_mark_at_most_one() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "web"),
            ("w*b", "wb"),
            ("w*b", "weeb"),
            ("t3.*", "t3.micro"),
            ("?eb", "eb"),
            ("?eb", "web"),
            ("*a*a", "banana"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("w*b", "webs"), ("?eb", "wweb"), ("t3.*", "t3"), ("", "web"), ("Web", "web")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_backslash_takes_the_meaning_away() {
        assert!(matches(r"\*amazon\?\\", r"*amazon?\"));
        assert!(!matches(r"\*amazon", "an amazon"));
        assert!(matches("end\\", "end\\"));
    }

    #[test]
    fn many_stars_do_not_explode() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
    }

    proptest! {
        #[test]
        fn an_escaped_text_matches_itself_alone(text in r"[a-c*?\\é]{0,8}", other in r"[a-c*?\\é]{0,8}") {
            let escaped: String = text.chars().flat_map(|c| ['\\', c]).collect();
            prop_assert!(matches(&escaped, &text));
            prop_assert_eq!(matches(&escaped, &other), text == other);
        }

        #[test]
        fn a_star_between_two_parts_bridges_anything(head in "[a-z]{0,4}", middle in "[a-z]{0,6}", tail in "[a-z]{0,4}") {
            let (pattern, text) = (format!("{head}*{tail}"), format!("{head}{middle}{tail}"));
            prop_assert!(matches(&pattern, &text));
        }
    }
}
