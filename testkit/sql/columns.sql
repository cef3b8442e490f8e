-- Every column type with its extreme, empty and NULL values, inserted, changed and deleted.
-- if mysql-9.7 mariadb-11.8 mariadb-10.11
set global binlog_row_metadata = FULL;
-- end
create database columns_ default character set utf8mb4;
use columns_;
create table integers (
    id int primary key,
    i1 tinyint, u1 tinyint unsigned, i2 smallint, u2 smallint unsigned,
    i3 mediumint, u3 mediumint unsigned, i4 int, u4 int unsigned,
    i8 bigint, u8 bigint unsigned, flag bool, y year
);
insert into integers values
    (1, -128, 0, -32768, 0, -8388608, 0, -2147483648, 0, -9223372036854775808, 0, false, 1901),
    (2, 127, 255, 32767, 65535, 8388607, 16777215, 2147483647, 4294967295,
        9223372036854775807, 18446744073709551615, true, 2155),
    (3, null, null, null, null, null, null, null, null, null, null, null, null),
    (4, 0, 128, -1, 32768, -1, 8388608, -1, 2147483648, -1, 9223372036854775808, true, 0);
create table numbers (
    id int primary key, f float, d double,
    n1 decimal(1,0), n10 decimal(10,2), n65 decimal(65,30), n9 decimal(9,9), n20 decimal(20,0) unsigned
);
insert into numbers values
    (1, -1.5e38, -1.7976931348623157e308, -9, -12345678.90,
        -12345678901234567890123456789012345.123456789012345678901234567890, -0.123456789, 0),
    (2, 1e-38, 2.2250738585072014e-308, 9, 0.01, 1e-30, 0.000000001, 99999999999999999999),
    (3, 0, 0, 0, 0, 0, 0, 0), (4, null, null, null, null, null, null, null);
create table moments (
    id int primary key, d date,
    t0 time, t1 time(1), t2 time(2), t3 time(3), t4 time(4), t5 time(5), t6 time(6),
    w0 datetime, w1 datetime(1), w2 datetime(2), w3 datetime(3), w4 datetime(4), w5 datetime(5), w6 datetime(6),
    s0 timestamp null, s3 timestamp(3) null, s6 timestamp(6) null
);
set time_zone = '+00:00';
insert into moments values
    (1, '1000-01-01', '-838:59:59', '-00:00:00.1', '-00:00:00.01', '-00:00:00.001', '-00:00:00.0001',
        '-00:00:00.00001', '-00:00:00.000001', '1000-01-01', '1000-01-01 00:00:00.1',
        '1000-01-01 00:00:00.12', '1000-01-01 00:00:00.123', '1000-01-01 00:00:00.1234',
        '1000-01-01 00:00:00.12345', '1000-01-01 00:00:00.123456',
        '1970-01-01 00:00:01', '1970-01-01 00:00:01.001', '1970-01-01 00:00:01.000001'),
    (2, '9999-12-31', '838:59:59', '23:59:59.9', '23:59:59.99', '23:59:59.999', '23:59:59.9999',
        '23:59:59.99999', '23:59:59.999999', '9999-12-31 23:59:59', '9999-12-31 23:59:59.9',
        '9999-12-31 23:59:59.99', '9999-12-31 23:59:59.999', '9999-12-31 23:59:59.9999',
        '9999-12-31 23:59:59.99999', '9999-12-31 23:59:59.999999',
        '2038-01-19 03:14:07', '2038-01-19 03:14:07.999', '2038-01-19 03:14:07.999999'),
    (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
        null, null, null);
set sql_mode = '';
insert into moments (id, d, w0, s0) values (4, '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00'),
    (5, '2024-00-15', '2024-02-00 01:02:03', null);
set sql_mode = default;
create table texts (
    id int primary key, c0 char(0), c1 char(1), c9 char(9) character set utf16, cl char(255) character set latin1,
    v1 varchar(1), v255 varchar(255) character set latin1, v256 varchar(256) character set latin1,
    vu varchar(900), b16 binary(16), vb varbinary(300),
    tb tinyblob, bb blob, mb mediumblob, lb longblob,
    tt tinytext, xx text character set sjis, mt mediumtext, lt longtext
) row_format = dynamic;
insert into texts values
    (1, '', 'a', 'wide', 'é', '', '', '', '', x'00112233445566778899aabbccddeeff', x'00', x'', x'', x'', x'', '', '', '', ''),
    (2, '', '€', 'ü', repeat('z', 255), 'x', repeat('a', 255), repeat('b', 256), repeat('🐬', 300), x'ff',
        repeat(x'0d0a', 150), repeat(x'01', 255), repeat(x'02', 65535), repeat(x'03', 65536),
        repeat(x'04', 200000), repeat('t', 255), 'テスト', repeat('m', 66000), 'tab\tnewline\nquote''"\\zero\0'),
    (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null);
create table sets (
    id int primary key, b1 bit(1), b8 bit(8), b9 bit(9), b64 bit(64),
    e enum('small', 'größer', '') not null default 'small', s set('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i')
);
insert into sets values (1, b'0', b'0', b'0', b'0', 'small', ''),
    (2, b'1', b'11111111', b'100000001', 0xfedcba9876543210, 'größer', 'a,i'),
    (3, null, null, null, null, '', null);
create table beside_shapes (id int primary key, a text, g geometry, b varchar(9) character set latin1, p point, c text character set koi8r);
insert into beside_shapes values (1, 'ü', null, 'é', null, 'да');
create table shapes (id int primary key, g geometry, p point, l linestring, a polygon, c geometrycollection);
-- if mysql-5.6
insert into shapes values (1, geomfromtext('POINT(1 -2)'), point(3, 4), linestring(point(0, 0), point(1, 1)),
    geomfromtext('POLYGON((0 0,0 4,4 4,4 0,0 0),(1 1,1 2,2 2,1 1))'),
    geomfromtext('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')), (2, null, null, null, null, null);
-- end
-- if mysql-9.7 mariadb-11.8 mariadb-10.11
insert into shapes values (1, st_geomfromtext('POINT(1 -2)'), point(3, 4), linestring(point(0, 0), point(1, 1)),
    st_geomfromtext('POLYGON((0 0,0 4,4 4,4 0,0 0),(1 1,1 2,2 2,1 1))'),
    st_geomfromtext('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')), (2, null, null, null, null, null);
create table documents (id int primary key, j json);
insert into documents values (1, null), (2, 'null'), (3, '{}'), (4, '[]'), (5, 'true'), (6, '"text 🐬"'),
    (7, '[0, -1, 32767, 32768, 2147483648, 9223372036854775807, 18446744073709551615, 1.5, 1e300]'),
    (8, '{"": "empty name", "a": {"b": {"c": [1, [2, [3, {}]]]}}, "n": null, "f": false}'),
    (9, concat('{"long": "', repeat('j', 70000), '", "after": 1}'));
create table derived (id int auto_increment primary key, base int default 7, doubled int as (base * 2), kept int as (base + 1) stored);
insert into derived (base) values (1), (2);
insert into derived () values ();
-- end
-- if mysql-9.7
insert into documents select 10, json_arrayagg(n) from (with recursive r(n) as (select 1 union all select n + 1 from r where n < 900) select n from r) q;
insert into documents values (11, json_object('when', cast('2024-02-29 12:34:56.789012' as datetime(6)),
    'date', cast('2024-02-29' as date), 'time', cast('-12:34:56.5' as time(1)),
    'exact', cast(123.450 as decimal(20, 3)), 'bytes', cast(x'00ff' as binary)));
create table vectors (id int primary key, v vector(3));
insert into vectors values (1, to_vector('[1, -2.5, 3e10]')), (2, null);
create table hidden (id int primary key, seen int, unseen int invisible default 5, place point srid 4326);
insert into hidden (id, seen, place) values (1, 1, st_geomfromtext('POINT(50 10)', 4326));
-- end
-- if mariadb-11.8
create table vectors (id int primary key, v vector(3));
insert into vectors values (1, vec_fromtext('[1, -2.5, 3e10]')), (2, null);
-- end
-- if mariadb-11.8 mariadb-10.11
create table addresses (id int primary key, u uuid, a4 inet4, a6 inet6);
insert into addresses values (1, '123e4567-e89b-12d3-a456-426655440000', '192.0.2.1', '2001:db8::1'), (2, null, null, null);
create table packed (id int primary key, v varchar(1000) compressed, b longblob compressed);
insert into packed values (1, repeat('v', 900), repeat('b', 50000)), (2, '', ''), (3, null, null);
create sequence numbers_seq;
select nextval(numbers_seq);
create table versioned (id int primary key, v int) with system versioning;
insert into versioned values (1, 1);
update versioned set v = 2;
-- A replica makes this table in the new format, so that their checksums differ.
create database columns_old;
set global mysql56_temporal_format = OFF;
create table columns_old.old_moments (id int primary key, t time, w datetime, s timestamp null);
set global mysql56_temporal_format = ON;
insert into columns_old.old_moments values (1, '-838:59:59', '1000-01-01', '1970-01-01 00:00:01'), (2, '12:34:56', '9999-12-31 23:59:59', null);
-- end
update integers set i8 = i8 + 1, u1 = null where id = 1;
update texts set lt = concat('longer ', lt), bb = null where id = 2;
update sets set s = 'a,b,c,d,e,f,g,h,i', e = 'größer';
delete from moments where id = 3;
delete from numbers where id in (1, 4);
flush binary logs;
