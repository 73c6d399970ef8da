package amazon

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderflow/orderflow/services/ingress/source"
)

// Messages that sns-validator 0.3.5 for JavaScript takes for signed by the certificate in testdata/signer.pem, the first
// with signature version 1 and a subject, the second with version 2, the third one that begins a subscription.
var clientMessages = []string{
	`{"Type":"Notification","MessageId":"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324","TopicArn":"arn:aws:sns:eu-west-1:123456789012:orders","Subject":"Zoë 🥐","Message":"{\"NotificationType\":\"ORDER_CHANGE\",\"note\":\"Zoë 🥐\\u2028 <&>\"}","Timestamp":"2026-03-01T12:00:00.000Z","SignatureVersion":"1","Signature":"at0ZNuF74sSAWQuG2NtA7VGQBdQoM4NYmbn4KFsPZDcSXd6/ldmNv1ss2BQkYnD3lV5J/6rfm559LZeXIccSqbgjr7YL9Q52Msi5dFIZM8zmcmBQ5oIMGObLYGQMPCKRawHI4y2pcyhhFNeRwrT3C2njsCT0YcD9WbdpDOmrJAOaJk3gUCtJquDSfQGAGkH5Zjs6iXLPWORIVAMRwrNgVq44TLZKKUUedW+AuVwIfC968/ftiNaRC3CE0Fk1aK6tHys4OvVgFK26n+0Nv/c0dRm9x7hf7LyyLUsVlgfoCqbd/SeuK1PuWPCCkR4uyE4Qo+bRAkTISkCwzZZpSt0isw==","SigningCertURL":"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem"}`,
	`{"Type":"Notification","MessageId":"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324","TopicArn":"arn:aws:sns:eu-west-1:123456789012:orders","Message":"{\"NotificationType\":\"ORDER_CHANGE\"}\n","Timestamp":"2026-03-01T12:00:00.000Z","SignatureVersion":"2","Signature":"MVoqTzu0nGX6powIHUKDE4JLyzgAcFAlQsEf95dCFYNDBRM08bx87E8eW+h8ZMD9zsUUsr8036rvkKoMWO0U2Z9ht87tGAACquiphP6ueMNPbwAK2dcCDtV8h4mlOOcmZB3sRhVP2RQlGG72oN2aquRZYgNfXbx6n1rRQ7nSwhTPv+KrP0/saaRjkG/j3Zmje9Oi+c6Es7Lv46akIeiiZvUHHsVd53hg7FaxmHpXXo2Fdy2sHefQgsaBgX4uzz2ozN/FlK1lVVIlvzw24K71eWwI25gxVZ6A0N8GjIKXalwxd5HYpofG7ck2J4Rg02J/6Kj+vqX8S6lNEo0xp4uSRA==","SigningCertURL":"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem"}`,
	`{"Type":"SubscriptionConfirmation","MessageId":"165545c9-2a5c-472c-8df2-7ff2be2b3b1b","Token":"2336412f37fb687f5d51e6e2425c464de5c8b0","TopicArn":"arn:aws:sns:eu-west-1:123456789012:orders","Message":"You have chosen to subscribe to the topic arn:aws:sns:eu-west-1:123456789012:orders.\nTo confirm the subscription, visit the SubscribeURL included in this message.","SubscribeURL":"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-west-1:123456789012:orders&Token=2336412f37fb687f5d51e6e2425c464de5c8b0","Timestamp":"2026-03-01T12:00:00.000Z","SignatureVersion":"1","Signature":"n+r6OM2yU84Tk8lo/zD1zddW+iqXtl+1ypbDxZvyg+rZ3W66HzbvB83M+22CZZtYRyaHrAGncesWF1csORL+wlm3rgnYNxhp5bfjssiSFX1GklSw0a4f/Qap9L2vTgzntiKoyyDCGs1+WQHSlVfrthMpCZ8up1oXEsLBRSdI44KU2flhe6qTX4JhwMBXqhfkQLjIGTiw+hQyh3k1el7UDXalAXnLkfDoFC5yLF3lJSfs+LrU4/PvWxF/KeEfkRkkZTGz8zmBuS6JnJ4nRdPhKLIkCt2hgjfDZcUBaxsIrMLOmOo8SDCmeEAPvYRreCCzSdJrxOhiw3J4nkU86VxgaQ==","SigningCertURL":"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem"}`,
}

func signer(t *testing.T) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile("testdata/signer.pem")
	require.NoError(t, err)
	block, _ := pem.Decode(data)
	require.NotNil(t, block)
	c, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return c
}

func TestWhatTheValidatorTakes(t *testing.T) {
	t.Parallel()
	ours, certificate := source.Account{Secrets: []string{another, arn}}, signer(t)
	take := func(body string) error {
		return New().Verify(source.Request{Body: []byte(body), ReceivedAt: now, Certificate: certificate}, ours)
	}
	for _, m := range clientMessages {
		require.NoError(t, take(m))
		require.NoError(t, take(strings.Replace(m, "SigningCertURL", "SigningCertUrl", 1)))
		for _, changed := range []string{
			strings.Replace(m, "12:00:00", "12:00:01", 1), strings.Replace(m, `"MessageId":"`, `"MessageId":"0`, 1), strings.Replace(m, `"Message":"`, `"Message":" `, 1),
		} {
			require.Error(t, take(changed), changed)
		}
	}
	require.Error(t, take(strings.Replace(clientMessages[1], `"Timestamp"`, `"Subject":"x","Timestamp"`, 1)))
	reading := New().Read(source.Request{Body: []byte(clientMessages[2]), ReceivedAt: now}, ours)
	require.Equal(t, "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn="+arn+"&Token=2336412f37fb687f5d51e6e2425c464de5c8b0", reading.Confirm)
}
