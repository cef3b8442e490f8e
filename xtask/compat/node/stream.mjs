// Streams a binlog from its start with zongji: one line an event, with its rows.
// usage: node stream.mjs HOST PORT USER PASSWORD PRODUCT FILE
import { writeSync } from 'node:fs';
import ZongJi from '@vlasky/zongji';

const [host, port, user, password, , filename] = process.argv.slice(2);
const zongji = new ZongJi({ host, port: Number(port), user, password });
const end = () => { zongji.stop(); process.exit(0); };
let idle = setTimeout(end, 10000);
zongji.on('error', (error) => { console.error(error.message); process.exit(1); });
zongji.on('binlog', (event) => {
  clearTimeout(idle);
  idle = setTimeout(end, 3000);
  const rows = event.rows ? JSON.stringify(event.rows) : '';
  // At once: what waits in a pipe is lost when the process ends.
  writeSync(1, `${event.getTypeName()} ${event.nextPosition ?? 0} ${event.size ?? 0} ${rows}\n`);
});
// It cannot read rows of tables that have been dropped, as those of this schema were.
zongji.start({ serverId: 4102, filename, position: 4, excludeSchema: { ddl: true } });
