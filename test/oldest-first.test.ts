import { test } from "uvu";
import * as assert from "uvu/assert";
import { OldestFirst } from "../src/oldest-first.ts";
import { numbersFrom } from "./helpers/random.ts";
import { SEED } from "./helpers/seed.ts";

test("OldestFirst gives the entry that was set longest ago, whatever was set, set again and deleted", () => {
  const number = numbersFrom(SEED);
  const map = new OldestFirst<number, number>();
  let model: (readonly [number, number])[] = [];
  for (let step = 0; step < 20_000; step++) {
    const key = number(50);
    switch (number(6)) {
      case 0:
        assert.is(map.delete(key), model.some(([own]) => own === key), `seed ${SEED}`);
        model = model.filter(([own]) => own !== key);
        break;
      case 1:
        if (model.length > 0) assert.is(map.delete(model.shift()![0]), true, `seed ${SEED}`);
        break;
      case 2:
        if (number(100) === 0) {
          map.clear();
          model = [];
        }
        break;
      default: {
        const value = number(3);
        map.set(key, value);
        model = [...model.filter(([own]) => own !== key), [key, value]];
      }
    }
    if (number(2) === 0) assert.equal(map.oldest(), model[0], `seed ${SEED}`);
    assert.is(map.get(key), model.find(([own]) => own === key)?.[1], `seed ${SEED}`);
    assert.is(map.size, model.length, `seed ${SEED}`);
  }
  assert.equal([...map.values()], model.map(([, value]) => value));
});

test.run();
