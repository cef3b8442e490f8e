//! Clients that stay connected, so that several work at the same time.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use testkit::server::Server;

/// Every character set that clients may have, and a text in it. The texts of those whose characters may
/// contain ASCII bytes end with a backslash byte.
pub(crate) const CHARSETS: &[(&str, &[u8])] = &[
    ("sjis", b"\x95\x5c"),
    ("cp932", b"\x95\x5c"),
    ("gbk", b"\x95\x5c"),
    ("big5", b"\xa5\x5c"),
    ("gb18030", b"\x95\x5c"),
    ("euckr", b"\xb0\xa1"),
    ("gb2312", b"\xb0\xa1"),
    ("ujis", b"\xa4\xa2"),
    ("eucjpms", b"\xa4\xa2"),
    ("utf8", b"\xc3\xa9"),
    ("utf8mb4", b"\xc3\xbc"),
    ("ascii", b"a"),
    ("binary", b"a"),
    ("tis620", b"\xa1\xa2"),
    ("swe7", b"}{"),
    ("hebrew", b"\xe1\xe2"),
    ("latin1", b"\xe1\xc9"),
    ("latin2", b"\xe1\xc9"),
    ("latin5", b"\xe1\xc9"),
    ("latin7", b"\xe1\xc9"),
    ("dec8", b"\xe1\xc9"),
    ("cp850", b"\xe1\xc9"),
    ("cp852", b"\xe1\xc9"),
    ("cp866", b"\xe1\xc9"),
    ("cp1250", b"\xe1\xc9"),
    ("cp1251", b"\xe1\xc9"),
    ("cp1256", b"\xe1\xc9"),
    ("cp1257", b"\xe1\xc9"),
    ("hp8", b"\xe1\xc9"),
    ("koi8r", b"\xe1\xc9"),
    ("koi8u", b"\xe1\xc9"),
    ("greek", b"\xe1\xc9"),
    ("armscii8", b"\xe1\xc9"),
    ("geostd8", b"\xe1\xc9"),
    ("keybcs2", b"\xe1\xc9"),
    ("macce", b"\xe1\xc9"),
    ("macroman", b"\xe1\xc9"),
];

/// The client program, connected until it is [closed](Self::close). It goes on after errors, since a server
/// may refuse a statement of the workload.
pub(crate) struct Session {
    client: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Session {
    pub(crate) fn open(server: &Server, format: &str) -> Self {
        let mut client = server.client();
        client.args(["--skip-column-names", "--batch", "--unbuffered", "--force"]);
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut client = client.spawn().unwrap();
        let (input, output) = (client.stdin.take().unwrap(), client.stdout.take().unwrap());
        let mut session = Self { client, input, output: BufReader::new(output) };
        session.run(&format!("set binlog_format = {format}"));
        session
    }

    /// Runs statements and waits for their end. A routine's body is one statement, semicolons and all.
    pub(crate) fn run(&mut self, statements: &str) {
        let is_routine = ["create procedure", "create function"]
            .iter()
            .any(|create| statements.starts_with(create));
        let text = match is_routine {
            true => format!("DELIMITER GO\n{statements}\nGO\nDELIMITER ;\n"),
            false => format!("{statements};\n"),
        };
        self.send(text.as_bytes());
    }

    /// Puts text in a character set into a row, a variable, names and definitions.
    pub(crate) fn write_in(&mut self, charset: &str, text: &[u8], with_variable: bool) {
        // The client program has no other name for it.
        let of_client = if charset == "utf8" { "utf8mb3" } else { charset };
        let insert = match with_variable {
            true => format!("insert into res values ('{charset}', 2, @v);\n"),
            false => String::new(),
        };
        let template = format!(
            "/*!\\C {of_client} */;\nset names {charset};\n\
             insert into res values ('{charset}', 1, 'TEXT');\n\
             create table cs_{charset} (a int comment 'TEXT', `xTEXT` int, t varchar(9) default 'TEXT');\n\
             set @v = 'TEXT';\n{insert}/*!\\C utf8mb4 */;\n"
        );
        let parts: Vec<&[u8]> = template.split("TEXT").map(str::as_bytes).collect();
        self.send(&parts.join(text));
    }

    fn send(&mut self, text: &[u8]) {
        const DONE: &str = "the statements are done";
        self.input.write_all(text).unwrap();
        self.input.write_all(format!("select '{DONE}';\n").as_bytes()).unwrap();
        self.input.flush().unwrap();
        let mut line = Vec::new();
        while line.trim_ascii() != DONE.as_bytes() {
            line.clear();
            assert!(self.output.read_until(b'\n', &mut line).unwrap() > 0, "the client has ended");
        }
    }

    /// Ends the client program.
    pub(crate) fn close(self) {
        let Self { mut client, input, .. } = self;
        drop(input);
        client.wait().unwrap();
    }
}
