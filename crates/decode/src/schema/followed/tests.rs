use super::*;

const TABLE: &str = "create table d.t (a int primary key, b varchar(9), c text) charset latin1";

fn new() -> FollowedSchema {
    FollowedSchema::new(SchemaDump::parse(TABLE, None).unwrap())
}

/// The columns' names of a table.
fn names(named: &NamedTable) -> String {
    let names: Vec<&str> = named.definition.columns.iter().map(|c| &*c.name).collect();
    format!("{}.{}({})", named.schema, named.table, names.join(","))
}

/// What statements leave of the last table of the last one.
fn left(followed: &FollowedSchema, statements: &str) -> Option<String> {
    let mut last = None;
    for sql in statements.split("; ") {
        last = followed.follow_sql(sql, "d").pop().and_then(|change| change.after);
    }
    last.as_ref().map(names)
}

#[test]
fn what_cannot_be_followed_is_forgotten_and_said_once() {
    for alter in [
        // They do not fit the table.
        "add b int",
        "add B int",
        "drop d",
        "modify d int",
        "rename column d to e",
        "rename column a to b",
        "add d int after e",
        "add primary key (b)",
        "drop primary key, add primary key (d)",
        "drop a, drop b, drop c",
        // Whether the key has the new one is not known.
        "drop a, add a int first",
        // They are not understood.
        "add system versioning",
        "add (d int, e something)",
        "convert to character set default",
        "character set default",
        "add d int, whatever",
        "add d",
        "order by a, drop b",
        "add d int, /*M!100601 add e int */",
        "drop b)",
        "rename",
    ] {
        let followed = new();
        assert_eq!(left(&followed, &format!("alter table t {alter}; truncate t")), None, "{alter}");
        let lost = followed.take_lost();
        assert_eq!(lost.len(), 1, "{alter}");
        assert!(lost[0].to_string().starts_with("the columns of d.t are not known from here on"));
        assert_eq!(followed.take_lost(), []);
    }
}

#[test]
fn tables_change_their_names() {
    let left = |statements| left(&new(), statements);
    assert_eq!(left("rename table t to u, u to e.v; truncate e.v").unwrap(), "e.v(a,b,c)");
    assert_eq!(left("alter table t drop b, rename as u; truncate u").unwrap(), "d.u(a,c)");
    assert_eq!(left("alter table t rename u; truncate t"), None);
    assert_eq!(
        left("create table u like t; alter table u drop c; truncate t").unwrap(),
        "d.t(a,b,c)"
    );
    assert_eq!(left("drop table t; create table u like t"), None);
    assert_eq!(left("drop database d; truncate t"), None);
    // Another table takes the name.
    assert_eq!(left("rename table x to t; truncate t"), None);
    assert_eq!(left("create table t select 1 as x; truncate t"), None);
}

#[test]
fn a_column_may_be_changed_that_the_same_statement_adds() {
    let left = |alter: &str| left(&new(), &format!("alter table t {alter}; truncate t"));
    assert_eq!(left("add d int, modify d bigint first").unwrap(), "d.t(d,a,b,c)");
    assert_eq!(left("add d int first, add x int, change d e bigint").unwrap(), "d.t(a,b,c,x,e)");
    assert_eq!(left("add d int, modify t.e int"), None);
}

#[test]
fn a_constraint_may_be_called_as_what_says_where_a_column_goes() {
    let statements = "alter table t add x int constraint first check (x > 0); truncate t";
    assert_eq!(left(&new(), statements).unwrap(), "d.t(a,b,c,x)");
}

#[test]
fn a_table_that_may_have_been_there_is_not_known() {
    let create = "create table if not exists u (a int); truncate u";
    assert_eq!(left(&new(), create), None);
    assert_eq!(
        left(&new(), &create.replace("u ", "t ").replace("e u", "e t")).unwrap(),
        "d.t(a,b,c)"
    );
    let fresh = "create database d; create table if not exists u (a int); truncate u";
    assert_eq!(left(&new(), fresh).unwrap(), "d.u(a)");
    // By now there may be one.
    for unknown in
        ["rename table e.x to d.y", "create table x select 1", "alter table e.x rename d.u"]
    {
        let statements = fresh.replacen("; ", &format!("; {unknown}; "), 1);
        assert_eq!(left(&new(), &statements), None, "{unknown}");
    }
    let again = "create database if not exists d; create table if not exists u (a int); truncate u";
    assert_eq!(left(&new(), again), None);
}

#[test]
fn what_a_temporary_tables_name_means_is_not_known() {
    let followed = new();
    let statements = "create temporary table t (a int); alter table t add x int; truncate t";
    assert_eq!(left(&followed, statements), None);
    assert_eq!(followed.take_lost().len(), 1);
    assert_eq!(left(&followed, "create table t (a int); truncate t"), None);
}

#[test]
fn a_name_in_large_letters_may_be_that_of_a_table_in_small_ones() {
    for statement in [
        "alter table T add x int",
        "create table T (a int)",
        "rename table x to T",
        "alter table D.t rename column a to x",
    ] {
        let followed = new();
        assert_eq!(left(&followed, &format!("{statement}; truncate t")), None, "{statement}");
        let lost = followed.take_lost();
        assert!(lost.len() == 1 && lost[0].to_string().contains("lower_case"), "{lost:?}");
    }
    assert_eq!(left(&new(), "truncate T; truncate t").unwrap(), "d.t(a,b,c)");
}

#[test]
fn what_only_some_servers_take_for_a_part_is_not_followed() {
    let left = |sql: &str| left(&FollowedSchema::default(), sql);
    for unknown in [
        "create table u (a int /*M! , b int */)",
        "create table u (a int, /*M!100100 b int, */ c int)",
    ] {
        assert_eq!(left(&format!("{unknown}; truncate u")), None, "{unknown}");
    }
    let plain = "create table u (a int /*!80023 INVISIBLE */, /* 99999 x int, */ b int)";
    assert_eq!(left(&format!("{plain}; truncate u")).unwrap(), "d.u(a,b)");
}

#[test]
fn keys_follow_their_columns() {
    for (alter, wanted) in [
        ("change a x int", vec!["x"]),
        ("rename column a to x", vec!["x"]),
        ("drop a", vec![]),
        ("drop primary key", vec![]),
        ("drop constraint `primary`", vec![]),
        ("drop primary key, add primary key (c(3), b)", vec!["c", "b"]),
        ("add key k (b), drop a, add d int key", vec!["d"]),
        ("add d int partition by key (a)", vec!["a"]),
    ] {
        let changes = new().follow_sql(&format!("alter table t {alter}"), "d");
        assert_eq!(changes[0].after.as_ref().unwrap().definition.primary_key, wanted, "{alter}");
    }
    let changes = new().follow_sql("drop index `PRIMARY` on t", "d");
    assert_eq!(changes[0].after.as_ref().unwrap().definition.primary_key, [""; 0]);
}

#[test]
fn memory_is_bounded() {
    let followed = FollowedSchema::default();
    let members = format!("'{}',", "x".repeat(1000)).repeat(1000);
    for number in 0..40 {
        followed.follow_sql(&format!("create table t{number} (a enum({members}'y'))"), "d");
    }
    let bytes = followed.state().bytes;
    assert!(bytes > BYTES_MAX / 2 && bytes <= BYTES_MAX, "{bytes}");
    let lost = followed.take_lost();
    assert!(lost.len() == 1 && lost[0].to_string().contains("memory"), "{lost:?}");
    followed.follow_sql("drop database d", "");
    assert_eq!(followed.state().bytes, 0);
    for number in 0..NAMES_MAX + 10 {
        followed.follow_sql(&format!("create temporary table t{number} (a int)"), "d");
        followed.follow_sql(&format!("create database d{number}"), "");
    }
    let state = followed.state();
    assert_eq!((state.temporary.len(), state.databases.len()), (NAMES_MAX, NAMES_MAX));
}

/// Knows one table, whatever its name.
struct One(TableSchema);

impl Schema for One {
    fn table(&self, _: &str, _: &str, _: &Fits<'_>) -> SchemaAnswer {
        Ok(Some(Arc::new(self.0.clone())))
    }
}

#[test]
fn what_a_server_has_now_is_taken_where_rows_fit_it() {
    let one = SchemaDump::parse("create table d.x (x int)", None).unwrap();
    let one = TableSchema::clone(&one.find("d", "x").unwrap());
    let followed = new().with_current(One(one));
    let ask = |table: &str, columns: usize| {
        let fits = move |table: &TableSchema| table.columns.len() == columns;
        let table = followed.table("d", table, &fits).unwrap().unwrap();
        table.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>().join(",")
    };
    assert_eq!(ask("t", 3), "a,b,c");
    // It does not fit, and is not remembered.
    assert_eq!(ask("u", 2), "x");
    assert_eq!(left(&followed, "truncate u"), None);
    assert_eq!(ask("u", 1), "x");
    assert_eq!(left(&followed, "alter table u add y int").unwrap(), "d.u(x,y)");
    assert_eq!(ask("u", 2), "x,y");
    assert_eq!(followed.take_lost(), []);
    // What rows do not fit is of another time.
    assert_eq!(ask("t", 1), "x");
    assert_eq!(followed.take_lost().len(), 1);
}
