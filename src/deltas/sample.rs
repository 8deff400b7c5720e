//! Values for the tests of this room.
