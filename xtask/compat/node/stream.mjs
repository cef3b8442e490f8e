// Streams a binlog from its start with zongji: one line an event, with its rows.
// usage: node stream.mjs own-columns|columns-of-primary HOST PORT USER PASSWORD PRODUCT FILE PRIMARY_PORT
import { writeSync } from 'node:fs';
import ZongJi from '@vlasky/zongji';
import mysql from 'mysql2';

const [columns, host, port, user, password, , filename, primaryPort] = process.argv.slice(2);
const server = { host, port: Number(port), user, password };

// Asks the primary for the columns of tables, which who only has the binlog cannot tell.
class ColumnsOfPrimary extends ZongJi {
  _establishConnection() {
    const connect = (port) => {
      const connection = mysql.createConnection({ ...server, port });
      connection.on('error', (error) => this.emit('error', error));
      return connection;
    };
    this.ctrlConnection = connect(Number(primaryPort));
    this.ctrlConnectionOwner = true;
    this.connection = connect(server.port);
  }
}

const zongji = new (columns === 'own-columns' ? ZongJi : ColumnsOfPrimary)(server);
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
