#!/usr/bin/env node
/**
 * The command-line tool.
 */
console.error("notafs: there are no commands yet")
process.exitCode = 1
