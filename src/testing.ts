/**
 * For those who build on tapeline: the suite that every store has to pass.
 *
 * @module
 */

export { type StoreUnderTest, testStore, type TestStoreOptions, type TestStoreResult } from "./testing/test-store.ts";
