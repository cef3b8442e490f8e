-- Row events that do not carry whole rows, and the statement beside them.
create database images default character set utf8mb4;
use images;
create table t (id int primary key, a int, b varchar(100), big longblob);
insert into t values (1, 1, 'one', repeat('x', 10000)), (2, 2, 'two', null), (3, 3, null, '');
set binlog_row_image = MINIMAL;
update t set a = 10 where id = 1;
update t set big = null, b = 'changed' where id = 1;
insert into t (id) values (4);
delete from t where id = 2;
set binlog_row_image = NOBLOB;
update t set a = 11 where id = 1;
update t set big = 'small' where id = 3;
delete from t where id = 3;
set binlog_row_image = FULL;
update t set a = 12, b = null where id = 1;
create table no_key (a int, b int);
insert into no_key values (1, 1), (1, 1), (2, null);
update no_key set b = 5 where a = 1 limit 1;
delete from no_key where a = 1 and b = 5;
-- if mysql-9.7 mysql-5.6
set binlog_rows_query_log_events = ON;
update t set b = 'with the statement /* ü */' where id = 1;
set binlog_rows_query_log_events = OFF;
-- end
-- if mysql-9.7
set global binlog_row_metadata = MINIMAL;
create table j (id int primary key, doc json, other json);
insert into j values (1, json_object('name', repeat('n', 50), 'list', json_array(1, 2, repeat('l', 300))), '{"x": {"y": 1}}');
set binlog_row_value_options = PARTIAL_JSON;
update j set doc = json_set(doc, '$.name', 'short') where id = 1;
update j set doc = json_replace(doc, '$.list[1]', 22), other = json_set(other, '$.x.y', 'text') where id = 1;
update j set doc = json_remove(doc, '$.list[0]') where id = 1;
update j set doc = json_set(json_remove(doc, '$.name'), '$.added', json_object('k', 1)) where id = 1;
set binlog_row_image = MINIMAL;
update j set other = json_array_insert(other, '$.x.list[0]', 1), doc = json_set(doc, '$.list[0]', null) where id = 1;
set binlog_row_image = FULL, binlog_row_value_options = '';
update j set doc = '{"whole": true}' where id = 1;
set global binlog_row_metadata = FULL;
-- end
-- if mariadb-11.8 mariadb-10.11
set binlog_annotate_row_events = OFF;
update t set a = 13 where id = 1;
set binlog_annotate_row_events = ON;
update t set a = 14 where id = 1;
-- end
flush binary logs;
