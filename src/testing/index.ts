/**
 * The simulated device and the conformance suite for devices, for the tests of those who use notafs.
 */
export {}
