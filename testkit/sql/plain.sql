-- What any client can read: ordinary types, statements and transactions, and nothing that stops one of
-- those that are tried. The last statement is `create table the_end`.
-- Where a character set has no collation MariaDB 11.8 notes which are the defaults, and
-- python-mysql-replication 1.0.9 does not know that.
create database plain character set utf8mb4 collate utf8mb4_general_ci;
use plain;
create table numbers (
    id int primary key auto_increment, t tinyint, s smallint unsigned, m mediumint, b bigint unsigned,
    exact decimal(20, 6), single float, twice double, bits bit(12), answer boolean
);
create table texts (
    id int primary key, short varchar(100), fixed char(10), long_text text, latin varchar(20) character set latin1 collate latin1_swedish_ci,
    bytes varbinary(300), four binary(4), large longblob, choice enum('a', 'b', 'ü'), some set('x', 'y', 'z')
);
create table times (
    id int primary key, d date, t time, t3 time(3), dt datetime, dt6 datetime(6), ts timestamp null,
    ts3 timestamp(3) null, y year
);
insert into numbers (t, s, m, b, exact, single, twice, bits, answer) values
    (-128, 65535, -8388608, 18446744073709551615, -12345678901234.567890, 1.5, -2.25e100, b'101010101010', true),
    (127, 0, 8388607, 0, 0.000001, -0.25, 1e-10, b'1', false), (null, null, null, null, null, null, null, null, null);
insert into texts values
    (1, 'plain', 'fixed', repeat('long ', 100), 'latin', x'00417f', x'01020300', concat(x'00017f', repeat('l', 1000)), 'b', 'x,z'),
    (2, 'größer, 日本語, 😀', '', '', '', '', '', '', 'ü', ''), (3, null, null, null, null, null, null, null, null, null);
insert into times values
    (1, '2024-02-29', '-12:34:56', '838:59:58.999', '2024-02-29 23:59:59', '1999-12-31 23:59:59.123456', '2024-01-01 00:00:01', '2024-01-01 00:00:01.5', 2024),
    (2, null, null, null, null, null, null, null, null);
start transaction;
update numbers set exact = exact + 1, answer = not answer where id < 3;
update texts set short = concat(short, '!'), large = null where id = 1;
delete from times where id = 2;
commit;
start transaction;
insert into texts (id, short) values (4, 'stays');
savepoint here;
insert into texts (id, short) values (5, 'goes');
rollback to here;
insert into texts (id, short) values (6, 'stays');
commit;
start transaction;
insert into texts (id, short) values (7, 'never was');
rollback;
flush binary logs;
create table parent (id int primary key, v int);
create table child (id int primary key, p int, foreign key (p) references parent (id) on delete cascade);
alter table parent add column extra varchar(20) default 'x', add index (v);
create view seen as select id, v from parent;
create table early (id int primary key) engine = MyISAM;
rename table early to late;
insert into parent (id, v) values (1, 1), (2, 2), (3, 3);
insert into child values (1, 1), (2, 2), (3, 2);
insert into late values (1), (2);
delete from parent where id = 2;
truncate table late;
drop view seen;
create table passing (id int primary key);
drop table passing;
create table pairs (a int, b varchar(10));
insert into pairs values (1, 'one'), (1, 'one'), (2, null);
update pairs set b = 'two' where a = 2;
delete from pairs where a = 1 limit 1;
-- if mysql-9.7
create table documents (id int primary key, doc json);
insert into documents values (1, '{"a": [1, -2.5, null, true, "text"], "b": {"c": 123456789012}}'), (2, null);
update documents set doc = '["whole"]' where id = 2;
-- end
insert into texts (id, large) values (10, repeat('large', 300000));
insert into numbers (t) select t from numbers;
insert into numbers (t) select a.t from numbers a, numbers b, numbers c;
update numbers set s = id;
flush binary logs;
delete from numbers where id > 100;
insert into parent (id, v) values (99, 99);
create table the_end (id int);
flush binary logs;
