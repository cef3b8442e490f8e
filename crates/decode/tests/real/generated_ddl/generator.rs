//! Makes statements that define tables: valid ones mostly, in many ways to write them.

use testkit::Flavour;
use testkit::rng::Rng;

/// Few names, so that statements meet tables that are there.
pub(super) const TABLES: [&str; 6] = ["t", "u", "W w", "é", "select", "a`b"];

const COLUMNS: [&str; 10] = ["a", "b", "c", "Id", "key", "ü x", "n", "m", "first", "x`y"];

const CHARSETS: [&str; 6] = ["latin1", "utf8mb4", "utf8mb3", "ascii", "binary", "koi8r"];

/// A comment, which may stand between any two words.
const GAPS: [&str; 5] = [" ", "  ", "\n", " /* add x int, */ ", " -- drop y\n"];

pub(super) struct Generator {
    rng: Rng,
    flavour: Flavour,
}

impl Generator {
    pub(super) fn new(rng: Rng, flavour: Flavour) -> Self {
        Self { rng, flavour }
    }

    pub(super) fn statement(&mut self) -> String {
        let text = match self.rng.below(100) {
            0..30 => self.create(),
            30..75 => self.alter(),
            75..80 => self.rename(),
            80..86 => self.drop(),
            86..92 => self.index(),
            92..94 => format!("truncate {}", self.table()),
            94..96 => self.database(),
            _ => self.other(),
        };
        self.written(&text)
    }

    /// The statement, as one of the ways to write it: `~` is a gap between words.
    fn written(&mut self, text: &str) -> String {
        let mut out = String::new();
        for part in text.split('~') {
            if !out.is_empty() {
                out.push_str(if self.rng.percent(90) { " " } else { self.rng.pick(&GAPS) });
            }
            out.push_str(part);
        }
        let is_plain = out.is_ascii() && !out.contains(['`', '\'', '-', '/']);
        if is_plain && self.rng.one_in(5) {
            // Names keep their letters: only words in front of the first name are changed.
            let end = out.find(" table").or(out.find(" index")).unwrap_or(0);
            out = out[..end].to_uppercase() + &out[end..];
        }
        if self.flavour.is_mariadb() && self.rng.one_in(12) {
            return format!("set statement lock_wait_timeout = 7 for {out}");
        }
        out
    }

    fn maybe(&mut self, percent: usize, text: &'static str) -> &'static str {
        if self.rng.percent(percent) { text } else { "" }
    }

    fn quoted(&mut self, name: &str) -> String {
        let needs = !name.chars().all(char::is_alphanumeric) || ["select", "key"].contains(&name);
        if needs || self.rng.one_in(3) {
            format!("`{}`", name.replace('`', "``"))
        } else {
            name.to_owned()
        }
    }

    fn table(&mut self) -> String {
        let name = self.rng.pick(&TABLES);
        let name = self.quoted(name);
        match self.rng.below(10) {
            0 => format!("d.{name}"),
            1 => format!("`d` . {name}"),
            _ => name,
        }
    }

    fn column(&mut self) -> String {
        let name = self.rng.pick(&COLUMNS);
        self.quoted(name)
    }

    fn kind(&mut self) -> String {
        let number = self.rng.between(1, 30);
        let kind = match self.rng.below(32) {
            0..4 => "int".to_owned(),
            4 => format!("int({number})"),
            5 => "bigint unsigned".to_owned(),
            6 => "tinyint(1)".to_owned(),
            7 => "bool".to_owned(),
            8 => "smallint unsigned zerofill".to_owned(),
            9 => "mediumint".to_owned(),
            10 => "decimal(10,2)".to_owned(),
            11 => "dec unsigned".to_owned(),
            12 => "numeric(5)".to_owned(),
            13 => format!("float({})", self.rng.between(1, 53)),
            14 => "double precision".to_owned(),
            15 => "real unsigned".to_owned(),
            16 => "float(7,3)".to_owned(),
            17 => "date".to_owned(),
            18 => "datetime(3)".to_owned(),
            19 => "time".to_owned(),
            20 => "timestamp null".to_owned(),
            21 => "year".to_owned(),
            22 => format!("bit({number})"),
            23 => format!("varbinary({number})"),
            24 => format!("binary({number})"),
            25 => "blob".to_owned(),
            26 => "mediumblob".to_owned(),
            27 => "nchar(3)".to_owned(),
            28 => "national varchar(5)".to_owned(),
            29 => "point".to_owned(),
            _ => String::new(),
        };
        if kind.is_empty() { self.text_kind() } else { kind }
    }

    fn text_kind(&mut self) -> String {
        let number = self.rng.between(1, 40);
        let kind = match self.rng.below(8) {
            0 => "text".to_owned(),
            1 => "tinytext".to_owned(),
            2 => format!("text({})", self.rng.between(1, 70_000)),
            3 => "enum('a', 'it''s', 'x,y)')".to_owned(),
            4 => "set('a', 'b')".to_owned(),
            5 => format!("char({number})"),
            _ => format!("varchar({number})"),
        };
        let charset = match self.rng.below(8) {
            0 => format!(" charset {}", self.rng.pick(&CHARSETS)),
            1 => format!(" character set {}", self.rng.pick(&CHARSETS)),
            2 => " collate utf8mb4_bin".to_owned(),
            3 => " binary".to_owned(),
            _ => String::new(),
        };
        kind + &charset
    }

    /// A column's definition without its name.
    fn definition(&mut self) -> String {
        let kind = self.kind();
        let more = match self.rng.below(16) {
            0 | 1 => "~not null",
            2 => "~null",
            3 => "~comment 'after a, drop b'",
            4 => "~default null",
            5 => "~not null comment 'it''s'",
            6 => "~unique",
            7 => "~primary key",
            8 => "~key",
            9 => "~not null auto_increment unique",
            10 => "~references u (a) on delete cascade",
            _ => "",
        };
        kind + more
    }

    fn place(&mut self) -> String {
        match self.rng.below(6) {
            0 => "~first".to_owned(),
            1 => format!("~after~{}", self.column()),
            _ => String::new(),
        }
    }

    fn key(&mut self) -> String {
        let column = self.column();
        match self.rng.below(7) {
            0 | 1 => format!("primary key~({column})"),
            2 => format!("constraint~pk primary key using btree ({column})"),
            3 => format!("key~k{} ({column})", self.rng.below(3)),
            4 => format!("unique~index~({column} desc)"),
            5 => format!("index using btree ({column}, {})", self.column()),
            _ => format!("constraint~c~unique~({column})"),
        }
    }

    fn create(&mut self) -> String {
        let table = self.table();
        let begin = match self.rng.below(12) {
            0 if self.flavour.is_mariadb() => "create~or replace~table",
            1 | 2 => "create~table~if not exists",
            // From then on its name is not known to be one table's, nor is any that it is renamed to.
            3 if self.rng.one_in(60) => "create~temporary~table",
            _ => "create~table",
        };
        match self.rng.below(12) {
            0 => return format!("{begin}~{table}~like~{}", self.table()),
            1 => return format!("{begin}~{table} (like {})", self.table()),
            _ => {}
        }
        let mut parts = Vec::new();
        for _ in 0..self.rng.between(1, 6) {
            parts.push(format!("{}~{}", self.column(), self.definition()));
        }
        for _ in 0..self.rng.below(3) {
            parts.push(self.key());
        }
        // A key may stand in front of what it is on.
        if self.rng.one_in(6) {
            let last = parts.pop().unwrap();
            parts.insert(0, last);
        }
        format!("{begin}~{table}~({}){}", parts.join(","), self.options())
    }

    fn options(&mut self) -> String {
        match self.rng.below(10) {
            0 => format!("~charset~{}", self.rng.pick(&CHARSETS)),
            1 => format!("~default character set = {}", self.rng.pick(&CHARSETS)),
            2 => "~engine = InnoDB collate utf8mb4_bin".to_owned(),
            3 => "~comment = 'add a int', row_format = dynamic".to_owned(),
            4 => "~engine InnoDB auto_increment 7".to_owned(),
            _ => String::new(),
        }
    }

    fn alter(&mut self) -> String {
        let table = self.table();
        let mut actions = Vec::new();
        for _ in 0..self.rng.between(1, 4) {
            actions.push(self.action(&table));
        }
        format!("alter~table~{table}~{}", actions.join(",~"))
    }

    /// What is done to `table`.
    fn action(&mut self, table: &str) -> String {
        let is_mariadb = self.flavour.is_mariadb();
        let (column, word) = (self.column(), self.maybe(40, "column~"));
        // Some servers take a column's name with its table's.
        let column = match self.rng.below(20) {
            0 => format!("{table}.{column}"),
            1 if !table.contains('.') => format!("d . {table} . {column}"),
            2 if self.rng.one_in(4) => format!(".{column}"),
            _ => column,
        };
        match self.rng.below(28) {
            0..6 => {
                let exists = if is_mariadb { self.maybe(20, "if not exists~") } else { "" };
                format!("add~{word}{exists}{column}~{}{}", self.definition(), self.place())
            }
            6 => format!(
                "add~{word}({column}~{}, {}~{})",
                self.definition(),
                self.column(),
                self.kind()
            ),
            7 if self.rng.one_in(3) => {
                format!("add~{word}(~{}, {column} {})", self.key(), self.definition())
            }
            7 => format!("add (~{column} {}, {})", self.definition(), self.key()),
            8..12 => {
                let exists = if is_mariadb { self.maybe(20, "if exists~") } else { "" };
                format!("drop~{word}{exists}{column}")
            }
            12..15 => format!("modify~{word}{column}~{}{}", self.definition(), self.place()),
            15..18 => format!(
                "change~{word}{column}~{}~{}{}",
                self.column(),
                self.definition(),
                self.place()
            ),
            18 => format!("rename column {column} to {}", self.column()),
            19 => format!("rename~to~{}", self.table()),
            20 if is_mariadb && self.rng.one_in(2) => {
                let kind = self.rng.pick(&["primary key", "unique key", "key"]);
                format!("add~{kind}~if not exists~({column})")
            }
            20 => format!("add~{}", self.key()),
            21 => "drop~primary key".to_owned(),
            22 => format!("convert~to~character set~{}", self.rng.pick(&CHARSETS)),
            23 => format!("drop~{}~k{}", self.rng.pick(&["key", "index"]), self.rng.below(3)),
            24 => format!("alter~{word}{column} drop default"),
            25 => "order by a".to_owned(),
            26 => self.options().trim_start_matches('~').to_owned() + "~comment 'x'",
            _ => "engine = InnoDB".to_owned(),
        }
    }

    fn rename(&mut self) -> String {
        let mut pairs = vec![format!("{}~to~{}", self.table(), self.table())];
        if self.rng.one_in(2) {
            pairs.push(format!("{} to {}", self.table(), self.table()));
        }
        format!("rename~{}~{}", self.rng.pick(&["table", "tables"]), pairs.join(","))
    }

    fn drop(&mut self) -> String {
        let (exists, end) = (self.maybe(60, "if exists~"), self.maybe(20, "~cascade"));
        let mut names = vec![self.table()];
        if self.rng.one_in(4) {
            names.push(self.table());
        }
        format!("drop~{}~{exists}{}{end}", self.rng.pick(&["table", "tables"]), names.join(","))
    }

    fn index(&mut self) -> String {
        let (table, column) = (self.table(), self.column());
        match self.rng.below(4) {
            0 => format!("drop~index~`PRIMARY`~on~{table}"),
            1 => format!("drop~index~k{}~on~{table}", self.rng.below(3)),
            2 => format!("create~unique~index~k{}~on~{table}~({column})", self.rng.below(3)),
            _ => format!("create~index~k{} on {table} ({column})", self.rng.below(3)),
        }
    }

    fn database(&mut self) -> String {
        let charset = self.rng.pick(&CHARSETS[..4]);
        match self.rng.below(3) {
            0 => format!("alter~database~d~charset~{charset}"),
            1 => format!("alter~schema~default character set = {charset}"),
            _ => format!("alter~database d collate~{charset}_bin"),
        }
    }

    /// What defines no table of `d`.
    fn other(&mut self) -> String {
        let table = self.table();
        match self.rng.below(7) {
            0 => format!(
                "create~or replace~view~v~as~select 1 as `alter table t drop a` from {table}"
            ),
            1 => "drop~view~if exists~v".to_owned(),
            2 => "create~procedure~p()~alter table t add zz int".to_owned(),
            3 => "drop~procedure~if exists~p".to_owned(),
            4 => format!("analyze~table~{table}"),
            5 => format!("create~trigger~tr before insert on {table} for each row set @a = 1"),
            _ => "create~user~if not exists~x identified by 'drop table t'".to_owned(),
        }
    }
}
