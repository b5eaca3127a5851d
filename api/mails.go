package api

// Mail is an email in the mailbox of a development instance.
type Mail struct {
	Object    string  `json:"object"` // "mail"
	ID        string  `json:"id"`
	Kind      string  `json:"kind"`
	To        string  `json:"to"`
	Subject   string  `json:"subject"`
	Code      *string `json:"code"` // null in emails without one
	Text      string  `json:"text"`
	HTML      string  `json:"html"`
	CreatedAt int64   `json:"created_at"`
}

// Mails are emails, newest first.
type Mails struct {
	Data []Mail `json:"data"`
}

// ListMails lists the emails to one address, or to all.
type ListMails struct {
	To string `json:"-" query:"to"`
}

// MailRef names an email.
type MailRef struct {
	MailID string `json:"-" path:"mail_id"`
}
