-- Files with and without checksums; each change begins a new file.
create database sums default character set utf8mb4;
use sums;
create table t (id int primary key, v varchar(20));
insert into t values (1, 'with');
set global binlog_checksum = NONE;
insert into t values (2, 'without');
update t set v = 'changed' where id = 2;
flush binary logs;
insert into t values (3, 'still without');
set global binlog_checksum = CRC32;
insert into t values (4, 'with again');
flush binary logs;
