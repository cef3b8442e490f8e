-- Compressed transactions (MySQL) and events (MariaDB), beside plain ones.
create database packed default character set utf8mb4;
use packed;
create table t (id int primary key, v text);
-- if mysql-9.7
set binlog_transaction_compression = ON;
insert into t values (1, repeat('compressible ', 1000));
start transaction;
insert into t values (2, 'two'), (3, 'three');
update t set v = concat(v, '!') where id = 2;
delete from t where id = 3;
commit;
create table made as select * from t;
set gtid_next = 'AUTOMATIC:packed';
insert into t values (4, 'tagged and compressed');
set gtid_next = 'AUTOMATIC';
set binlog_transaction_compression_level_zstd = 22, binlog_rows_query_log_events = ON;
insert into t values (5, repeat('five', 10000));
set binlog_rows_query_log_events = OFF;
set binlog_transaction_compression = OFF;
-- end
-- if mariadb-11.8 mariadb-10.11
set global log_bin_compress = ON, global log_bin_compress_min_len = 10;
insert into t values (1, repeat('compressible ', 1000)), (2, 'two'), (3, repeat('three', 100));
update t set v = concat(v, v);
delete from t where id = 3;
set binlog_format = STATEMENT;
insert into t values (4, 'a statement that is long enough to be compressed, a statement that is long enough');
set binlog_format = ROW;
set global log_bin_compress = OFF;
-- end
insert into t values (10, repeat('plain ', 100));
flush binary logs;
