// Streams a binlog from its start with zongji: one line an event, with its rows.
// usage: node stream.mjs HOST PORT USER PASSWORD PRODUCT FILE
import ZongJi from '@vlasky/zongji';

const [host, port, user, password, , filename] = process.argv.slice(2);
const zongji = new ZongJi({ host, port: Number(port), user, password });
const end = () => { zongji.stop(); process.exit(0); };
let idle = setTimeout(end, 10000);
zongji.on('error', (error) => { console.error(error.message); process.exit(1); });
zongji.on('binlog', (event) => {
  clearTimeout(idle);
  idle = setTimeout(end, 3000);
  console.log(event.getTypeName(), event.nextPosition ?? 0, event.size ?? 0, event.rows ? JSON.stringify(event.rows) : '');
});
zongji.start({ serverId: 4102, filename, position: 4 });
