//! The tables of a pack.

use std::collections::BTreeSet;

use proto::region::Prefix;

use super::{load::Loader, shape::Fields};
use crate::{
    error::{Fault, PackCode},
    limits,
    near::shown,
    table::{Row, Table},
    yaml::Node,
};

impl Loader<'_> {
    pub(super) fn tables(&mut self, fields: &Fields<'_>, scope: Option<Prefix>) -> Vec<Table> {
        let Some(node) = fields.get("tables") else { return Vec::new() };
        let Some(entries) = self.report.map(node, "tables") else { return Vec::new() };
        let entries = self.report.at_most(node.at, entries, limits::TABLES, "tables");
        let mut tables = Vec::new();
        let mut left = limits::TABLE_ROWS;
        for (key, value) in entries {
            if !self.report.check_word(key.at, &key.name, "the name of a table", "_-") {
                continue;
            }
            self.names.tables.insert(key.name.to_string(), tables.len());
            let rows = self.rows(value, &mut left).unwrap_or_default();
            let table = Table::new(key.name.to_string(), rows);
            if let Some(scope) = scope
                && !table.rows().is_empty()
                && !table.meets(scope)
            {
                let message = format!("no row of {} can hold in the scope", shown(&key.name));
                let fault = Fault::new(PackCode::Table, message);
                let hint =
                    "a row's region must begin with the scope's digits, or the scope with it";
                self.report.add(key.at, fault.hint(hint));
            }
            tables.push(table);
        }
        tables
    }

    fn rows(&mut self, node: &Node, left: &mut usize) -> Option<Vec<Row>> {
        let fields = self.report.fields(node, "a table", &["rows"])?;
        let node = self.report.required(&fields, "a table", "rows")?;
        let items = self.report.list(node, "rows")?;
        if items.is_empty() {
            self.report.value(node.at, "a table needs rows");
        }
        if items.len() > *left {
            let message = format!("more than {} rows in all tables", limits::TABLE_ROWS);
            self.report.add(node.at, Fault::new(PackCode::Limit, message));
            return None;
        }
        *left -= items.len();
        let mut rows = Vec::with_capacity(items.len());
        let mut seen = BTreeSet::new();
        for item in items {
            let Some(row) = self.row(item) else { continue };
            if !seen.insert((row.region, row.class.clone(), row.year)) {
                let fault = Fault::new(PackCode::Duplicate, "this row stands twice");
                self.report.add(item.at, fault.hint("one value for a region, class and year"));
            }
            rows.push(row);
        }
        Some(rows)
    }

    fn row(&mut self, node: &Node) -> Option<Row> {
        let report = &mut self.report;
        let fields = report.fields(node, "a row", &["region", "class", "year", "value"])?;
        let region = report.required(&fields, "a row", "region");
        let region = region.and_then(|node| report.prefix(node, "region"));
        let year = report.required(&fields, "a row", "year");
        let year = year.and_then(|node| {
            let year = report.int(node, "year")?;
            let fits = i32::try_from(year).ok().filter(|year| (1900..=9999).contains(year));
            if fits.is_none() {
                report.value(node.at, "year is 1900 to 9999");
            }
            fits
        });
        let value = report.required(&fields, "a row", "value");
        let value = value.and_then(|node| report.int(node, "value"));
        let class = match fields.get("class") {
            Some(node) => Some(report.word(node, "class", "_")?),
            None => None,
        };
        Some(Row { region: region?, class, year: year?, value: value? })
    }
}
