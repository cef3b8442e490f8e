-- Events around and over the 16 MiB of one packet, and one transaction of thousands of events.
create database large default character set latin1;
use large;
-- if mysql-9.7 mariadb-11.8 mariadb-10.11
create table t (id int primary key, v longblob);
-- end
-- if mysql-5.6
-- InnoDB of this age takes no value over a tenth of its log.
create table t (id int primary key, v longblob) engine = MyISAM;
-- end
-- A row event's other bytes (43 or 45 with checksum and status byte, two more with semi-sync)
-- bring one of these to exactly 2^24 - 1, which an empty packet must follow.
insert into t values (1, repeat('a', 16777215 - 47));
insert into t values (2, repeat('b', 16777215 - 46));
insert into t values (3, repeat('c', 16777215 - 45));
insert into t values (4, repeat('d', 16777215 - 44));
insert into t values (5, repeat('e', 16777215 - 43));
insert into t values (6, repeat('f', 33554430));
update t set v = concat(v, 'g') where id = 5;
flush binary logs;
create table many (id int auto_increment primary key, v varchar(4000));
start transaction;
insert into many (v) values (repeat('m', 4000));
insert into many (v) select v from many;
insert into many (v) select v from many;
insert into many (v) select v from many;
insert into many (v) select v from many;
insert into many (v) select v from many;
insert into many (v) select v from many;
insert into many (v) select v from many;
insert into many (v) select v from many;
insert into many (v) select v from many;
insert into many (v) select v from many;
update many set v = concat('u', left(v, 3999));
insert into many (v) select v from many;
insert into many (v) select v from many;
commit;
-- if mysql-9.7
set binlog_transaction_compression = ON;
insert into t values (7, repeat('h', 40000000));
set binlog_transaction_compression = OFF;
-- end
flush binary logs;
