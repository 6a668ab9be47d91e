//! Plain columns: readable without colours, easy to cut with awk.

/// Left-aligned columns two blanks apart under upper-case headings.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|&heading| heading.to_owned()).collect()] }
    }

    /// Adds a line; an empty cell is shown as `-`, a blank one stays blank.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        let cells = cells.into_iter().map(|cell| {
            let one_line = cell.split_whitespace().collect::<Vec<_>>().join(" ");
            if cell.is_empty() { "-".to_owned() } else { one_line }
        });
        self.rows.push(cells.collect());
    }

    /// The whole table, each line ended.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let padded = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}  "));
            text.push_str(padded.collect::<String>().trim_end());
            text.push('\n');
        }
        text
    }
}
