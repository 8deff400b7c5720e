//! Reports as pages: one HTML file that asks nothing of a network, for a screen of any width, light or dark, and for paper.
//!
//! ```text
//! page      what a page is made of, and the template that lays it out in templates/
//! sheet     the page that every command has for people, as a section
//! cell      a table's cells: what is read, and what is sorted by
//! chart     pictures in numbers and marks; their colours are the page's (draw, mark)
//! heat      a field of numbers as shades
//! scale     from numbers to places on an axis, and the ticks between
//! reading   how to read it: every term once
//! ```
//!
//! Every text may come from a file: control and invisible characters are shown as escapes, and the template escapes what HTML
//! would act upon.

mod cell;
mod chart;
mod draw;
mod heat;
mod mark;
mod page;
mod reading;
mod scale;
mod sheet;

pub(super) use cell::{Cell, Header, Table};
pub(super) use chart::{Chart, Guide, Hue, Point, Series, Shape, Span};
pub(super) use heat::HeatMap;
pub(super) use page::{Figure, Glance, More, Section, Whole, write};
pub(super) use scale::{Axis, Scale};
pub(super) use sheet::write_sheet;
