-- Statements that change the schema, accounts and stored programs.
create database ddl default character set utf8mb4;
use ddl;
create table parent (id int primary key, v int);
create table child (id int primary key, p int, foreign key (p) references parent (id) on delete cascade);
insert into parent values (1, 1), (2, 2);
insert into child values (1, 1), (2, 2);
delete from parent where id = 1;
create view seen as select id, v from parent where v > 0;
create trigger trg before insert on parent for each row set new.v = ifnull(new.v, 100);
insert into parent (id) values (3);
delimiter //
create procedure fill(in upto int)
begin
    declare n int default 10;
    while n < upto do
        insert into parent values (n, n);
        set n = n + 1;
    end while;
end//
create function twice(x int) returns int deterministic return x * 2//
create event later on schedule every 1 year disable do delete from parent//
delimiter ;
call fill(13);
update parent set v = twice(v) where id = 12;
alter table parent add column extra varchar(20) default 'x', add index (v);
alter table parent modify extra varchar(200), engine = InnoDB;
insert into parent (id, v, extra) values (30, 30, 'after alter');
create table emptied like parent;
insert into emptied select * from parent;
truncate table emptied;
rename table emptied to moved;
drop table moved;
create table `odd ``name`` ü` (`col ``x``` int primary key) comment 'it''s "odd"';
insert into `odd ``name`` ü` values (1);
create table parted (id int primary key, v int) partition by hash (id) partitions 3;
insert into parted values (1, 1), (2, 2), (3, 3);
alter table parted truncate partition p1;
create table wide_key (a int, b int, c varchar(10), unique key (c, a), primary key (b, a));
insert into wide_key values (1, 2, 'k');
create user 'someone'@'localhost' identified by 'secret';
grant select, insert on ddl.* to 'someone'@'localhost';
drop user 'someone'@'localhost';
-- if mysql-9.7 mariadb-11.8 mariadb-10.11
create table copied as select id, v from parent;
insert into copied values (99, 99);
create role reader;
drop role reader;
-- end
-- if mysql-9.7
set sql_generate_invisible_primary_key = ON;
create table keyless (a int);
insert into keyless values (1);
set sql_generate_invisible_primary_key = OFF;
alter table parent add column quick int, algorithm = instant;
-- end
-- if mariadb-11.8
create or replace table copied (id int primary key);
set binlog_alter_two_phase = ON;
alter table copied add column x int;
set binlog_alter_two_phase = OFF;
-- end
analyze table parent;
optimize table parent;
flush binary logs;
