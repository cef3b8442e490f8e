-- Transactions whose identifiers are not simply the next of this server.
create database gtids default character set utf8mb4;
use gtids;
create table t (id int auto_increment primary key, v varchar(50));
-- if mysql-9.7 mysql-5.6
set gtid_next = '11111111-2222-3333-4444-555555555555:5';
insert into t (v) values ('of another server');
set gtid_next = '11111111-2222-3333-4444-555555555555:9';
begin;
commit;
set gtid_next = 'AUTOMATIC';
insert into t (v) values ('own again');
-- end
-- if mysql-9.7
set gtid_next = 'AUTOMATIC:batch';
insert into t (v) values ('tagged'), ('twice');
create table made_with_tag (id int primary key);
set gtid_next = 'AUTOMATIC:nightly_job';
insert into made_with_tag values (1);
set gtid_next = '11111111-2222-3333-4444-555555555555:_as_long_as_a_tag_can_ever_be___:3';
begin;
commit;
set gtid_next = '11111111-2222-3333-4444-555555555555:batch:9223372036854775806';
begin;
commit;
set gtid_next = 'AUTOMATIC';
insert into t (v) values ('untagged');
-- end
-- if mariadb-11.8 mariadb-10.11
set gtid_domain_id = 7;
insert into t (v) values ('domain 7');
set gtid_seq_no = 1000;
insert into t (v) values ('number 1000');
set gtid_domain_id = 4294967295;
insert into t (v) values ('last domain');
set gtid_domain_id = 0;
set skip_replication = ON;
insert into t (v) values ('may be filtered');
set skip_replication = OFF;
-- end
flush binary logs;
insert into t (v) values ('in the next file');
