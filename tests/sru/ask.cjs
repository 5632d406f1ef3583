// Asks the example hub of crates/web by the SRU client of the National Library of Finland:   ask.cjs PACKAGES URL
"use strict";

const { createRequire } = require("node:module");
const [packages, url] = process.argv.slice(2);
const createClient = createRequire(`${packages}/`)("@natlibfi/sru-client").default;

function check(claim, what) {
  if (!claim) {
    console.error(`tests/sru: ${what}`);
    process.exit(1);
  }
}

// Returns the records of all pages with the total.
function all(query, further = {}) {
  const client = createClient({ url, version: "1.2", recordSchema: "marcxml", maxRecordsPerRequest: 10, ...further });
  return new Promise((resolve, reject) => {
    const found = { records: [], total: undefined };
    client
      .searchRetrieve(query)
      .on("total", (total) => (found.total = total))
      .on("record", (record) => found.records.push(record))
      .on("end", () => resolve(found))
      .on("error", reject);
  });
}

async function ask() {
  const fish = await all('dc.title = "fish 魚"');
  check(fish.total === 25, `25 titles match, and ${fish.total} were counted`);
  const numbers = new Set(fish.records.map((record) => record.match(/tag="001">([^<]*)</)?.[1]));
  check(fish.records.length === 25 && numbers.size === 25, `three pages gave ${numbers.size} titles`);
  const one = await all("dc.creator = mueller and dc.date = 1953", { recordSchema: "dc" });
  check(one.total === 1 && one.records[0].includes("Volume 3 of fish"), `the title is ${one.records[0]}`);
  const none = await all("dc.title = bicycles");
  check(none.total === 0 && none.records.length === 0, `${none.total} titles of bicycles`);
  const refused = await all("colour = red").catch((error) => error);
  check(refused instanceof Error && refused.message.includes("index"), `a wrong index gave ${refused}`);
}

ask().then(
  () => process.exit(0),
  (error) => check(false, `the client failed: ${error}`),
);
