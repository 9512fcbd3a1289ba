/**
 * The door of notafs: re-exports, nothing else.
 */
export {}
