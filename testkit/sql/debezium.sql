-- What Debezium's connector sends, and `tail --format debezium` writes: every type, every kind of row, and statements
-- that define tables in many spellings. All of it is MySQL 9.7's.
create database dbz default character set utf8mb4;
use dbz;
set time_zone = '+00:00';
create table integers (
    id int primary key,
    i1 tinyint, u1 tinyint unsigned, i1a int1, i2 smallint, u2 smallint unsigned, i2a int2, i3 mediumint,
    u3 mediumint unsigned, i3a int3, i3b middleint, i4 integer, u4 int unsigned, i4a int4 unsigned, i8 bigint,
    u8 bigint unsigned, i8a int8, z int(6) zerofill, z2 smallint unsigned zerofill, w int(11), s int signed,
    t1 tinyint(1), flag bool, truth boolean not null default true, y year, y4 year(4)
);
insert into integers values
    (1, -128, 0, -128, -32768, 0, -32768, -8388608, 0, -8388608, -8388608, -2147483648, 0, 0, -9223372036854775808,
        0, -1, 0, 0, -1, -1, -1, false, false, 1901, 2024),
    (2, 127, 255, 127, 32767, 65535, 32767, 8388607, 16777215, 8388607, 8388607, 2147483647, 4294967295, 4294967295,
        9223372036854775807, 18446744073709551615, 1, 123, 65535, 1, 1, 2, true, true, 2155, 2001),
    (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
        null, null, null, null, null, null, null, null, true, null, null),
    (4, 0, 128, 0, -1, 32768, 0, -1, 8388608, 0, 0, -1, 2147483648, 2147483648, -1,
        9223372036854775808, 0, 999999, 5, 5, 5, 127, 5, 0, 1901, 1999);
create table numbers (
    id int primary key, f float, f73 float(7,3), f10 float(10), f30 float(30), fu float unsigned, d double,
    d92 double(9,2), dp double precision, r real, n decimal, n1 decimal(1,0), n10 decimal(10,2), n5 decimal(5),
    nu decimal(20,0) unsigned, nm numeric(8,3), de dec(4), fx fixed(6,1), n65 decimal(65,30), nz decimal(6,2) zerofill
);
insert into numbers values
    (1, 1.5, 1234.567, 0.1, 0.1, 3.25, 0.1, 1234567.89, 1e300, -2.5, 7, -9, -12345678.90, 12345, 0, -12345.678, 1234,
        12345.6, -12345678901234567890123456789012345.123456789012345678901234567890, 12.5),
    (2, -1.5e38, -0.001, 1e10, 1e10, 0, -1.7976931348623157e308, 0.01, 1e-7, 0.25, 0, 0, 0, 0,
        99999999999999999999, 0.001, -1, -0.1, 0.000000000931322574615478515625, 0),
    (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
    (4, 2.5e-10, 9999.999, 3.4e38, 0, 16777217, 2.2250738585072014e-308, -0.5, 100, 1e21, 1, 1, 1.28, 128, 255, 1, 1, 1, 1, 1);
create table bits (
    id int primary key, b bit, b1 bit(1) default b'1', b8 bit(8), b9 bit(9) not null default b'101', b12 bit(12), b64 bit(64)
);
insert into bits values (1, 0, 0, 0, 0, 0, 0), (2, 1, 1, 255, 257, b'100000000001', 0xfedcba9876543210),
    (3, null, null, null, 1, null, null);
create table moments (
    id int primary key, d date, t time, t1 time(1), t3 time(3), t6 time(6), w datetime, w3 datetime(3), w4 datetime(4),
    w6 datetime(6), s timestamp null, s1 timestamp(1) null, s3 timestamp(3) null, s6 timestamp(6) null,
    dn date not null, tn time not null, wn datetime(3) not null, sn timestamp not null
);
insert into moments values
    (1, '1000-01-01', '-838:59:59', '-00:00:00.1', '-00:00:00.001', '-00:00:00.000001', '1000-01-01', '1000-01-01 00:00:00.123',
        '1000-01-01 00:00:00.1234', '1000-01-01 00:00:00.123456', '1970-01-01 00:00:01', '1970-01-01 00:00:01.1',
        '1970-01-01 00:00:01.001', '1970-01-01 00:00:01.000001', '1000-01-01', '01:00:00', '1000-01-01', '2001-01-01'),
    (2, '9999-12-31', '838:59:59', '23:59:59.9', '23:59:59.999', '23:59:59.999999', '9999-12-31 23:59:59',
        '9999-12-31 23:59:59.999', '9999-12-31 23:59:59.9999', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07',
        '2038-01-19 03:14:07.9', '2038-01-19 03:14:07.999', '2038-01-19 03:14:07.999999', '2024-02-29', '00:00:00',
        '2024-02-29 12:34:56', '2024-02-29 12:34:56'),
    (3, null, null, null, null, null, null, null, null, null, null, null, null, null, '1969-12-31', '-01:00:00',
        '1969-12-31 23:59:59.5', '1999-12-31 23:59:59'),
    (4, '2018-06-20', '10:11:12', '10:11:12', '10:11:12', '10:11:12', '2018-06-20 06:37:03', '2018-06-20 06:37:03',
        '2018-06-20 06:37:03', '2018-06-20 06:37:03', '2018-06-20 06:37:03', '2018-06-20 06:37:03.5',
        '2018-06-20 06:37:03.120', '2018-06-20 06:37:03.12', '0099-01-01', '0:0:1', '0070-01-01', '2018-06-20 06:37:00');
set sql_mode = '';
insert into moments values (5, '0000-00-00', '0', '0', '0', '0', '0000-00-00', '0000-00-00', '0000-00-00', '0000-00-00',
        '0000-00-00', '0000-00-00', '0000-00-00', '0000-00-00', '0000-00-00', '0', '0000-00-00', '0000-00-00'),
    (6, '2024-00-15', '0', '0', '0', '0', '2024-02-00 01:02:03', null, null, null,
        null, null, null, null, '2024-00-00', '0', '2024-00-01', '2001-01-01');
set sql_mode = default;
create table texts (
    id int primary key, c char, c0 char(0), c1 char(1), c9 char(9) character set utf16, cl char(255) charset latin1,
    cb char(5) character set binary, vb varchar(5) character set binary, xb text character set binary, bin char(4) binary,
    col varchar(10) collate latin1_general_ci,
    v varchar(20), long_v varchar(1000), nc nchar(3), nc1 nchar, nv nvarchar(5), nat national varchar(6), natc national char(2),
    cv character varying(8), ch character(2), tt tinytext, x text, x100 text(100), mt mediumtext, lt longtext, lv long varchar,
    xs text character set sjis, xg varchar(9) character set gbk, xk varchar(9) character set koi8r, x3 varchar(9) character set utf8mb3
);
insert into texts values
    (1, 'a', '', 'b', 'wide', 'é', 'ab', 'ab', 'ab', 'bin', 'col', '', '', 'nc', 'n', 'nv', 'nat', 'na',
        'cv', 'ch', '', '', '', '', '', 'lv', 'テスト', '中文', 'да', 'ü€'),
    (2, '€', '', 'ü', 'ü', repeat('z', 255), x'00ff80', x'00ff80', x'00ff80', '', '', repeat('🐬', 20),
        repeat('v', 300), '', '', '', '', '', '', '', repeat('t', 255), 'tab\tnewline\nquote''"\\ \0 \x7f', 'x', 'm',
        repeat('l', 700), '', '', '', '', ''),
    (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
        null, null, null, null, null, null, null, null, null, null);
create table bytes (
    id int primary key, b binary, b4 binary(4), b16 binary(16), v varbinary(300), tb tinyblob, bb blob, b100 blob(100), mb mediumblob,
    lb longblob, lv long varbinary, nb binary(3) not null, df varbinary(10) default 'abc'
);
insert into bytes values
    (1, x'01', x'0a00', x'00112233445566778899aabbccddeeff', x'00', x'', x'', x'', x'', x'', x'', x'', x'ff'),
    (2, x'ff', x'00000000', x'ff', repeat(x'0d0a', 150), repeat(x'01', 255), repeat(x'02', 70), x'03fffebf', x'04', repeat(x'05', 660),
        x'06', x'0708', default),
    (3, null, null, null, null, null, null, null, null, null, null, x'010203', null);
create table members (
    id int primary key, e enum('small', 'größer', '', 'it''s', ' lead') not null default 'small',
    el enum('é', 'x') character set latin1, s set('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i') default 'a,b', s1 set('only')
);
insert into members values (1, 'small', 'é', '', 'only'), (2, 'größer', 'x', 'a,i', ''), (3, '', null, null, null),
    (4, 'it''s', 'x', 'a,b,c,d,e,f,g,h,i', 'only'), (6, ' lead', 'x', 'c', '');
set sql_mode = '';
insert into members values (7, 'none', 'none', 'none', 'none');
set sql_mode = default;
create table documents (id int primary key, j json);
insert into documents values (1, null), (2, 'null'), (3, '{}'), (4, '[]'), (5, 'true'), (6, '"text 🐬 \\u0001 \\" \\\\ / \\n \\u007f é"'),
    (7, '[0, -1, 32767, 32768, 2147483648, 9223372036854775807, 18446744073709551615]'),
    (8, '[1.5, 1e300, 1.0, 100.0, -0.0, 1e-7, 0.001, 1234567.0, 12345678.0, 1e21, 123456789012345680000, 4.9e-324, 0.1, 1e7, 9999999.0]'),
    (9, '{"": "empty name", "a": {"b": {"c": [1, [2, [3, {}]]]}}, "n": null, "f": false}'),
    (10, '3.0'), (11, '"bare"'), (12, '17');
insert into documents values (20, json_object('when', cast('2024-02-29 12:34:56.789012' as datetime(6)),
    'whole', cast('2024-02-29 12:34:56' as datetime), 'date', cast('2024-02-29' as date), 'time', cast('12:34:56.5' as time(1)),
    'late', cast('838:59:59' as time), 'exact', cast(123.450 as decimal(20, 3)), 'int', cast(5 as decimal(5, 0)))),
    (21, json_array(cast(x'00ff' as binary), cast('abc' as binary), timestamp '2001-01-01 00:00:00.5')),
    (22, cast(cast('2024-02-29' as date) as json)), (23, cast(1.10 as json)),
    (24, json_object('year', cast(2024 as year), 'bits', b'101', 'blob', (select bb from bytes where id = 2)));
create table shapes (
    id int primary key, g geometry, p point, l linestring, a polygon, mp multipoint, ml multilinestring, ma multipolygon,
    c geometrycollection, gc geomcollection, pn point not null, ps point srid 4326
);
insert into shapes values
    (1, st_geomfromtext('POINT(1 -2)'), point(3, 4), linestring(point(0, 0), point(1, 1)),
        st_geomfromtext('POLYGON((0 0,0 4,4 4,4 0,0 0),(1 1,1 2,2 2,1 1))'), st_geomfromtext('MULTIPOINT(1 1,2 2)'),
        st_geomfromtext('MULTILINESTRING((0 0,1 1),(2 2,3 3))'), st_geomfromtext('MULTIPOLYGON(((0 0,0 1,1 1,0 0)))'),
        st_geomfromtext('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))'), st_geomfromtext('GEOMETRYCOLLECTION EMPTY'),
        point(1e300, -0.1), st_geomfromtext('POINT(50 10)', 4326)),
    (2, null, null, null, null, null, null, null, null, null, point(0, 0), null),
    (3, st_geomfromtext('LINESTRING(0 0,1 1)', 4326), point(1.5, 1e10), null, null, null, null, null, null, null, point(1, 2), null);
create table vectors (id int primary key, v vector(3), w vector);
insert into vectors values (1, to_vector('[1, -2.5, 3e9]'), to_vector('[0.1]')), (2, null, null);

-- Rows of all kinds.
create table customers (
    id integer not null auto_increment primary key, first_name varchar(255) not null, last_name varchar(255) not null,
    email varchar(255) not null unique key
) auto_increment = 1004;
set session binlog_rows_query_log_events = on;
insert into customers values (default, 'Anne', 'Kretchmar', 'annek@noanswer.org');
update customers set first_name = 'Anne Marie' where id = 1004;
update customers set id = 1005 where id = 1004;
insert into customers (first_name, last_name, email) values ('a', 'b', 'c'), ('d', 'ü', '🐬');
update customers set last_name = concat(last_name, '!');
delete from customers;
set session binlog_rows_query_log_events = off;
begin;
insert into customers values (1, 'x', 'y', 'z');
insert into bits values (10, 1, 1, 1, 1, 1, 1);
savepoint s;
update customers set email = 'zz' where id = 1;
rollback to s;
delete from bits where id = 10;
replace into customers values (1, 'r', 'r', 'z');
insert into customers values (1, 'q', 'q', 'q') on duplicate key update email = 'dup';
commit;
create table no_key (a int, b varchar(10));
insert into no_key values (1, 'x'), (null, null);
update no_key set a = 2 where a = 1;
delete from no_key;
create table wide_key (a int, b int, c varchar(10), v int, unique key (c, a), primary key (b, a));
insert into wide_key values (1, 2, 'k', 3);
update wide_key set v = 4;
update wide_key set a = 5;
delete from wide_key;
create table unique_key (a int not null, b varchar(10) not null, c int, unique key (c), unique key u (b, a));
insert into unique_key values (1, 'x', null);
update unique_key set c = 1;
update unique_key set b = 'y';
delete from unique_key;
create table unique_column (a int not null unique, b int);
insert into unique_column values (1, 1);
update unique_column set a = 2;
create table text_key (k varchar(20) character set latin1 collate latin1_general_ci not null, d datetime(3) not null, n decimal(5,2) not null,
    v int, primary key (k, d, n));
insert into text_key values ('é', '2024-01-01 00:00:00.5', 1.25, 1);
update text_key set k = 'É';
delete from text_key;
create table derived (id serial, base int default 7, doubled int as (base * 2), kept int generated always as (base + 1) stored not null,
    hidden int invisible default 5);
insert into derived (base) values (1), (2);
insert into derived () values ();
update derived set base = 3 where id = 1;
create table stamped (id int primary key, made timestamp default current_timestamp, changed datetime(3) default current_timestamp(3)
    on update current_timestamp(3), e int default (1 + 2), u varchar(36) default (uuid()), n int default null,
    neg int not null default -5, plus int default +5, f float default 1.5, dec2 decimal(5,2) default '1.50', txt varchar(10) default 'it''s',
    em varchar(5) not null default '', bt bool default false, bi bit(3) default b'011', hy varbinary(4) default x'4142', da date default '2001-02-03', ti time default '01:02:03', ts timestamp(3) default '2001-02-03 04:05:06.789',
    ye year default 2024, en enum('a', 'b') default 'b', intro varchar(9) default _latin1'abc', sci double default 1e3,
    chk int check (chk > 0), ref int default 1 comment 'it''s a ''comment''');
insert into stamped (id, made, changed, u) values (1, '2024-01-01', '2024-01-01', 'u');
set timestamp = 17000000.5;
insert into customers values (77, 'time', 'is', 'set');
set timestamp = default;
xa start 'x';
insert into no_key values (5, 'xa');
xa end 'x';
xa prepare 'x';
xa commit 'x';
xa start 'y';
insert into no_key values (6, 'xa');
xa end 'y';
xa commit 'y' one phase;
create table no_rollback (id int primary key) engine = MyISAM;
insert into no_rollback values (1), (2);
set session binlog_transaction_compression = on;
insert into no_key values (8, 'packed'), (9, 'packed');
update no_key set b = 'p' where a = 8;
set session binlog_transaction_compression = off;

-- Tables that are changed.
create table people (id int primary key, name varchar(20) comment 'the name', note text) comment = 'it''s people' default charset = latin1;
insert into people values (1, 'é', 'é');
alter table people add column age smallint unsigned not null default 3 after name;
alter table people add (one int, two varchar(5) character set utf16), add index (age);
alter table people modify name varchar(30) not null default 'x' first;
alter table people change note remark mediumtext;
alter table people rename column one to uno;
alter table people alter column age set default 7;
alter table people alter column age drop default;
alter table people drop column two;
alter table people convert to character set utf8mb4;
insert into people values ('€', 5, 1, null, 0);
insert into people (id, age) values (2, 1);
alter table people drop primary key, add primary key (name, id);
update people set name = 'n' where id = 2;
alter table people engine = InnoDB, comment = 'other';
alter table people add unique key (uno), add constraint pos check (age > -1);
alter table people add extra varchar(5);
create index by_age on people (age);
create unique index uniq on no_key (a);
create table later_key (a int not null, b int not null);
create unique index u on later_key (b);
insert into later_key values (1, 2);
update later_key set b = 3;
alter table later_key drop index u;
update later_key set b = 4;
drop index by_age on people;
create table original (id int primary key, name varchar(20) default 'x' comment 'c', age int not null unique);
create table copy like original;
insert into copy (id, name, age) values (1, 'c', 1);
create table selected as select id, age from people;
insert into selected values (9, 9);
create table if not exists people (id int);
create database other character set latin1;
create table other.plain (id int primary key, c varchar(9), t text character set utf8mb4);
insert into other.plain values (1, 'é', '€');
rename table copy to other.moved;
insert into other.moved (id, name, age) values (2, 'm', 2);
rename table people to folk, other.moved to people;
alter table folk rename to other.folk;
alter table other.folk rename as folks, add column last int;
insert into people (id, name, age) values (3, 'p', 3);
truncate table people;
truncate people;
flush tables;
alter database other character set utf8mb4;
create table other.later (c varchar(9));
create table `odd ``name`` ü` (`col ``x``` int primary key comment 'c', `select` int) comment 'it''s "odd"';
insert into `odd ``name`` ü` values (1, 2);
create view seen as select id from integers;
alter view seen as select id, i1 from integers;
drop view seen;
create procedure pro() select 1;
create function fun() returns int deterministic return 1;
create trigger tri before insert on vectors for each row set @a = 1;
create event eve on schedule every 1 year disable do select 1;
drop event eve;
drop trigger tri;
drop function fun;
drop procedure pro;
create user 'someone'@'localhost' identified by 'secret';
grant select on dbz.* to 'someone'@'localhost';
drop user 'someone'@'localhost';
create temporary table temp (id int);
insert into temp values (1);
drop temporary table temp;
create table parted (id int primary key, v int) partition by hash (id) partitions 3;
insert into parted values (1, 1), (2, 2);
alter table parted truncate partition p1;
analyze table parted;
drop table if exists nothing, parted, other.plain;
drop table shapes, vectors;
drop table if exists nothing;
drop database other;

-- More that statements can be.
create database misc character set utf8mb4;
use misc;
create database if not exists misc;
create table t (id int primary key, a int);
create role r; drop role r;
create server srv foreign data wrapper mysql options (host 'h', user 'u');
drop server srv;
alter table t comment 'x', add index i (a);
alter table t rename index i to j;
alter table t add constraint c check (a > -5);
optimize table t;
check table t;
lock tables t write; unlock tables;
create or replace view v as select 1; drop view v;
create definer = root@localhost procedure p() select 1;
alter procedure p comment 'x';
drop procedure if exists p;
flush privileges;
flush status;
create table `T2` (Id int primary key, ID2 int, unique Key (id2));
insert into T2 values (1, 2);
alter table T2 change id2 B bigint not null default 5;
alter table T2 drop column b;
create table gen (a int, b int generated always as (a + 1) virtual comment 'g', c json default (json_object()), d point not null, e set('x','y') not null default 'x,y');
insert into gen (a, d) values (1, point(1,1));
create table child (id int primary key, p int, foreign key (p) references t (id) on delete cascade on update cascade);
create table if not exists brandnew (id int primary key);
insert into brandnew values (1);
create table comments1 (id int /* c */ primary key, -- x
 b int # y
);
insert into comments1 values (1,2);
alter table brandnew add column (x int not null, y varchar(3) charset latin1), drop primary key;
insert into brandnew values (1,2,'é');
alter table brandnew add unique (x);
update brandnew set x = 3 where x = 2;
rename table brandnew to brand2, t to t2;
alter database misc character set latin1;
create table latin (a varchar(3) primary key);
insert into latin values ('é');
drop table brand2, child, dbz.bytes, t2;
drop database misc;
use dbz;

-- With all names. (Of rows that are not logged whole the connector makes nothing, and ends.)
set global binlog_row_metadata = full;
create table after_full (id int unsigned primary key, c char(5) character set binary, b bool, f float(7,3), e enum('x', 'y'));
insert into after_full values (4294967295, 'c', true, 1.1, 'y');
set global binlog_row_metadata = minimal;
create table the_end (id int primary key);
flush binary logs;
