//! An answer's document, as a tree. Read by itself: what the gateway writes with is not asked whether it is right.

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    pub name: String,
    pub text: String,
    pub children: Vec<Element>,
}

static NOTHING: Element = Element { name: String::new(), text: String::new(), children: Vec::new() };

impl Element {
    /// The document's one element. Of XML it knows elements, attributes that it passes over, texts and references.
    pub fn read(document: &str) -> Result<Self, String> {
        let mut open = vec![Self::default()];
        let mut rest = document;
        while let Some((text, after)) = rest.split_once('<') {
            top(&mut open)?.text.push_str(&unescaped(text)?);
            let (tag, after) = after.split_once('>').ok_or("a tag without an end")?;
            rest = after;
            if let Some(name) = tag.strip_prefix('/') {
                let whole = open.pop().filter(|whole| whole.name == name).ok_or_else(|| format!("{name} ends and has not begun"))?;
                top(&mut open)?.children.push(whole);
            } else if let Some(name) = tag.strip_suffix('/') {
                top(&mut open)?.children.push(Self::named(name));
            } else if !tag.starts_with('?') {
                open.push(Self::named(tag));
            }
        }
        let whole = top(&mut open)?.children.pop().filter(|_| open.len() == 1 && rest.trim().is_empty());
        whole.ok_or_else(|| format!("no whole document: {document:?}"))
    }

    fn named(tag: &str) -> Self {
        Self { name: tag.split_whitespace().next().unwrap_or_default().to_owned(), ..Self::default() }
    }

    /// The first child of that name; an empty one where there is none.
    pub fn child(&self, name: &str) -> &Self {
        self.children.iter().find(|child| child.name == name).unwrap_or(&NOTHING)
    }

    /// The text at a path, such as `placement/groupName`.
    pub fn at(&self, path: &str) -> &str {
        &path.split('/').fold(self, |element, name| element.child(name)).text
    }

    /// The items of a list.
    pub fn items(&self, list: &str) -> impl Iterator<Item = &Self> {
        self.child(list).children.iter()
    }
}

fn top(open: &mut [Element]) -> Result<&mut Element, String> {
    open.last_mut().ok_or_else(|| "it ends before it begins".to_owned())
}

fn unescaped(text: &str) -> Result<String, String> {
    let mut parts = text.split('&');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, after) = part.split_once(';').ok_or_else(|| format!("&{part} has no end"))?;
        whole.push(meant(name)?);
        whole.push_str(after);
    }
    Ok(whole)
}

/// What a reference stands for.
fn meant(name: &str) -> Result<char, String> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let meant = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix("#x") {
            Some(digits) => number(digits, 16),
            None => name.strip_prefix('#').and_then(|digits| number(digits, 10)),
        },
    };
    meant.ok_or_else(|| format!("&{name}; means nothing"))
}

#[cfg(test)]
mod tests {
    use super::Element;

    #[test]
    fn a_document_is_read_with_its_lists_and_references() {
        let read =
            Element::read("<?xml version=\"1.0\"?><A x=\"y\"><set><item><k>a&amp;&#x62;</k></item><item/></set></A>").expect("a document");
        assert_eq!(read.name, "A");
        assert_eq!(read.items("set").count(), 2);
        assert_eq!(read.child("set").at("item/k"), "a&b");
        assert_eq!(read.at("set/none/k"), "");
        assert!(Element::read("").is_err() && Element::read("<a>&none;</a>").is_err());
    }
}
