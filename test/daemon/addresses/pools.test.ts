import test from "ava";
import { checkAddressPools, checkDataPathPort } from "../../../src/daemon/addresses/pools.js";

const pools: readonly (readonly [string, readonly string[], number, RegExp?])[] = [
  ["none", [], 0],
  ["one", ["10.20.0.0/16"], 0],
  ["two, finely cut", ["10.20.0.0/16", "10.30.0.0/16"], 29],
  ["one subnet", ["10.20.0.0/24"], 24],
  ["smaller than a subnet", ["10.20.0.0/25"], 0, /10\.20\.0\.0\/25 is smaller than one subnet of \/24/],
  ["overlapping", ["10.0.0.0/8", "172.16.0.0/16", "10.20.0.0/16"], 0, /10\.0\.0\.0\/8 and 10\.20\.0\.0\/16 overlap/],
  ["too fine", ["10.20.0.0/16"], 30, /^subnet size is out of range: 30/],
  ["host bits", ["10.20.0.1/16"], 0, /invalid default address pool "10\.20\.0\.1\/16"/],
  ["no subnet", ["pool"], 0, /invalid default address pool "pool"/],
  ["a mask alone", [], 24, /needs --default-addr-pool/],
];

for (const [title, texts, length, refusal] of pools) {
  test(`address pools: ${title}`, (t) => {
    const check = () => checkAddressPools(texts, length);
    if (refusal) t.throws(check, { name: "AddressError", message: refusal });
    else t.notThrows(check);
  });
}

test("the data path port", (t) => {
  for (const port of [0, 1024, 4789, 49_151]) t.notThrows(() => checkDataPathPort(port));
  for (const port of [1, 1023, 49_152]) t.throws(() => checkDataPathPort(port), { message: /1024 to 49151 are valid/ });
});
