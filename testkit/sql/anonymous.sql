-- Transactions without a GTID, as a server on the way to GTIDs or away from them writes.
-- if mysql-9.7
create database anonymous default character set utf8mb4;
use anonymous;
create table t (id int primary key);
set global gtid_mode = ON_PERMISSIVE;
set gtid_next = 'ANONYMOUS';
insert into t values (1);
set gtid_next = 'AUTOMATIC';
insert into t values (2);
set global gtid_mode = OFF_PERMISSIVE;
insert into t values (3);
set global gtid_mode = OFF;
insert into t values (4);
create table made_without (id int primary key);
set global gtid_mode = OFF_PERMISSIVE;
set global gtid_mode = ON_PERMISSIVE;
insert into t values (5);
-- It stays so: a source that is ON refuses to send the transactions above.
flush binary logs;
-- end
