// Streams a binlog from its start with zongji: one line an event, with all that it holds.
// usage: node stream.mjs HOST PORT USER PASSWORD PRODUCT FILE END
import { writeSync } from 'node:fs';
import ZongJi from '@vlasky/zongji';

const IDLE_MS = 20000;
const [host, port, user, password, , filename, end] = process.argv.slice(2);
const fail = (why) => { console.error(why); process.exit(1); };
const late = () => fail(`nothing came for ${IDLE_MS / 1000} s`);
let idle = setTimeout(late, IDLE_MS);

// What events share, and what belongs to the library.
const isOfEvent = (key) => !key.startsWith('_') && key !== 'tableMap';
const shown = (key, value) => {
  if (!isOfEvent(key)) return undefined;
  return typeof value === 'bigint' ? `${value}` : value;
};

const zongji = new ZongJi({ host, port: Number(port), user, password });
zongji.on('error', (error) => fail(error.message));
zongji.on('binlog', (event) => {
  clearTimeout(idle);
  idle = setTimeout(late, IDLE_MS);
  // At once: what waits in a pipe is lost when the process ends.
  writeSync(1, `${event.getTypeName()} ${JSON.stringify(event, shown)}\n`);
  if (event.query?.includes(end)) process.exit(0);
});
// It cannot read rows of tables that have been dropped, as those of this schema were.
zongji.start({ serverId: 4102, filename, position: 4, excludeSchema: { ddl: true } });
