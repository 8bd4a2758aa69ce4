// A program that does nothing, to be measured.
export {};
