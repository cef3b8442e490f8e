// Does with a server what users of a driver do: one line each, with what was answered.
// usage: node drive.mjs mysql2|mariadb HOST PORT USER PASSWORD plain|tls STATEMENTS
import { readFileSync } from 'node:fs';
import mysql2 from 'mysql2/promise';
import mariadb from 'mariadb';

const [driver, host, port, user, password, tls, path] = process.argv.slice(2);
const PARAMETERS = [7, "it's\u00fc", null];
const account = { host, port: Number(port), user, password };
// mariadb verifies the server by itself, by what its account knows: nothing is said of certificates.
const encrypted = driver === 'mysql2' ? { rejectUnauthorized: false } : true;
const options = { ...account, ...(tls === 'tls' ? { ssl: encrypted } : { allowPublicKeyRetrieval: true }) };
const library = driver === 'mysql2' ? mysql2 : mariadb;
const connection = await library.createConnection(options);

const shown = (value) => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}` : v));

async function answer(run, kind, sql) {
  try {
    const result = await run(sql, kind === 'parameters' ? PARAMETERS : undefined);
    const [rows, fields] = driver === 'mysql2' ? result : [result, result.meta];
    if (!Array.isArray(rows)) return 'OK';
    const names = fields?.map((field) => (typeof field.name === 'function' ? field.name() : field.name));
    return `${shown(names)} ${kind === 'columns' ? '' : shown(rows)}`;
  } catch (error) {
    if (error.errno > 0) return `error ${error.errno}`;
    throw error;
  }
}

await connection.ping();
console.log('ping');
const statements = readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => {
  const at = line.indexOf(' ');
  return [line.slice(0, at), line.slice(at + 1)];
});
const ways = { text: connection.query, prepared: connection.execute };
for (const [name, way] of Object.entries(ways)) {
  for (const [kind, sql] of statements) {
    console.log(name, sql, await answer(way.bind(connection), kind, sql));
  }
}
for (const end of [connection.commit, connection.rollback]) {
  await connection.beginTransaction();
  console.log('transaction', await answer(connection.query.bind(connection), 'values', 'SELECT 1'));
  await end.call(connection);
}
if (driver === 'mariadb') {
  await connection.reset();
  console.log('version', connection.serverVersion());
} else {
  await connection.changeUser({ user, password, database: 'information_schema' });
}
console.log('database', await answer(connection.query.bind(connection), 'values', 'SELECT DATABASE()'));
await connection.end();
console.log('closed');
