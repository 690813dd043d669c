//! The counts of cores that a type can be launched with, as its line says them: `1`, `2-8`, `4-48/2`, `1-8, 16, 24`.

/// More cores than any machine has: what a slip of the pen could make of a range is bounded.
const MOST: u32 = 1024;

/// The counts in order. None where it is not of that form, or does not grow.
pub fn parse(text: &str) -> Option<Vec<u32>> {
    let mut counts = Vec::new();
    for part in text.split(',') {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let [first, last, step] = [first, last, step].map(|number| number.trim().parse::<u32>().ok());
        let (first, last, step) = (first?, last?, step?);
        let grows = counts.last().is_none_or(|before| *before < first) && first > 0 && first <= last && last <= MOST && step > 0;
        if !grows {
            return None;
        }
        counts.extend((first..=last).step_by(usize::try_from(step).ok()?));
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_ranges_and_steps_are_read_and_anything_else_is_not() {
        for (text, counts) in [
            ("1", vec![1]),
            ("2, 4", vec![2, 4]),
            ("1-4", vec![1, 2, 3, 4]),
            ("4-10/2", vec![4, 6, 8, 10]),
            ("1-3, 8, 16-24/8", vec![1, 2, 3, 8, 16, 24]),
        ] {
            assert_eq!(parse(text), Some(counts), "{text}");
        }
        for wrong in ["", "0", "x", "4-2", "2-4/0", "4, 2", "1-4, 4", "1-", "-1", "1-99999999", "1/2/3"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
